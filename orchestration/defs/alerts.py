"""When Dagster looks for what to alert about: after each failed run, and every quarter of an hour.

What is told, and where to, does not belong here (`orchestration/alerts.py`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import dagster as dg

from orchestration.alerts import Alert, failed_run, send, watch
from orchestration.errors import (
    CareWarehouseError,
    ConfigurationError,
    PipelineBusy,
    PublicationRefused,
    RunOvertaken,
)
from orchestration.settings import load_settings

HOLDS = (PublicationRefused.__name__, RunOvertaken.__name__, "DagsterAssetCheckFailedError")
TOLD_IN_FULL = (
    *HOLDS,
    CareWarehouseError.__name__,
    ConfigurationError.__name__,
    PipelineBusy.__name__,
)
"""Errors whose words name files, checks and settings; others may quote a member's value."""
_DBT_NODE = re.compile(r"(?:ERROR creating sql \w+ model|FAIL \d+|ERROR) (\w+(?:\.\w+)?) \.{3}")


@dataclass(frozen=True)
class Cause:
    """What failed in a run, and its root cause: the error's class and words."""

    place: str
    error: str
    words: str

    def __str__(self) -> str:
        """Without the words of an error that may quote a member's value."""
        if self.error in TOLD_IN_FULL:
            return f"{self.place}: {' '.join(self.words.split())}"
        nodes = sorted(set(_DBT_NODE.findall(self.words)))
        where = f" at {', '.join(nodes)}" if nodes else ""
        return f"{self.place}: {self.error}{where}; the run's log in Dagster says more"


def causes(steps: Iterable[dg.DagsterEvent], run: dg.DagsterEvent | None) -> list[Cause]:
    """Each failed step's; without any the run's own, such as a lock that was not to be had."""
    found = [(event.step_key or "", event.step_failure_data.error) for event in steps]
    if not found and run is not None:
        found = [("its start", run.job_failure_data.error)]
    told = []
    for place, error in found:
        if error is not None:
            while error.cause is not None:
                error = error.cause
            name = error.cls_name or "error"
            words = re.sub(rf"^[\w.]*\b{re.escape(name)}: ", "", error.message.strip())
            told.append(Cause(place, name, words))
    return told


def alert_of(run_id: str, job: str, failures: Sequence[Cause]) -> Alert:
    """The alert of a failed run; nothing says why where its process was killed."""
    is_held = any(cause.error in HOLDS for cause in failures)
    told = "; ".join(map(str, failures)) or "its process ended without a word"
    return failed_run(run_id, job, told, is_held)


@dg.run_failure_sensor(
    name="failure_alert",
    minimum_interval_seconds=30,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="Tells the alert log and the webhook of every run that failed, or was held.",
)
def failure_alert(context: dg.RunFailureSensorContext) -> None:
    """A webhook that does not answer makes the tick fail, and is tried again by `watch_alert`."""
    run = context.dagster_run
    failures = causes(context.get_step_failure_events(), context.failure_event)
    told = send(load_settings(), alert_of(run.run_id, run.job_name, failures))
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
