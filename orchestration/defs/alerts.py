"""When Dagster looks for what to alert about: after each failed run, and every quarter of an hour.

What is told, and where to, does not belong here (`orchestration/alerts.py`).
"""

from collections.abc import Sequence

import dagster as dg

from orchestration.alerts import Alert, failed_run, send, watch
from orchestration.errors import CareWarehouseError, PublicationRefused, RunOvertaken
from orchestration.settings import load_settings

HOLDS = (PublicationRefused.__name__, RunOvertaken.__name__, "DagsterAssetCheckFailedError")


def alert_of(run_id: str, job: str, failures: Sequence[dg.DagsterEvent], otherwise: str) -> Alert:
    """The alert of a failed run, from its failed steps; `otherwise` where no step failed."""
    told: list[str] = []
    is_held = False
    for event in failures:
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            is_held = is_held or error.cls_name in HOLDS
            told.append(f"{event.step_key}: {' '.join(error.message.split())}")
    return failed_run(run_id, job, "; ".join(told) or otherwise, is_held)


@dg.run_failure_sensor(
    name="failure_alert",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the alert log and the webhook of every run that failed, or was held.",
)
def failure_alert(context: dg.RunFailureSensorContext) -> None:
    """A webhook that does not answer makes the tick fail, and is tried again by `watch_alert`."""
    run = context.dagster_run
    otherwise = context.failure_event.message or "its process ended without a word"
    failures = context.get_step_failure_events()
    told = send(load_settings(), alert_of(run.run_id, run.job_name, failures, otherwise))
    if told is not None and told.is_owed:
        raise CareWarehouseError(f"The webhook did not take it: {told.webhook}")


@dg.sensor(
    name="watch_alert",
    minimum_interval_seconds=900,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description=(
        "Verifies what is published against its checksums, and tells of damage, of silence longer"
        " than CARE_ALERT_AFTER_HOURS, and again of what the webhook did not take."
    ),
)
def watch_alert() -> dg.SkipReason:
    """Starts no run; what it found is in the tick and in the log."""
    told = watch(load_settings())
    owed = [one.webhook for one in told if one.is_owed]
    if owed:
        raise CareWarehouseError(f"The webhook did not take it: {owed[0]}")
    return dg.SkipReason("; ".join(one.text for one in told) or "Nothing to tell.")
