"""The jobs people start and the schedule: `nightly` (everything), `intake` (the ledger alone),
`daily_lists` (care coordinators' lists) and `settlement` (what a program would be paid under other
terms).

What the assets do does not belong here.
"""

import dagster as dg

from orchestration.defs.payment.what_if import EXAMPLE, settle_under_other_terms
from orchestration.errors import ConfigurationError, Problem
from orchestration.settings import load_settings

nightly = dg.define_asset_job(
    "nightly",
    selection=dg.AssetSelection.all(),
    description="Take what was dropped, rebuild, check, compute outcomes and publish.",
)

intake = dg.define_asset_job(
    "intake",
    selection=dg.AssetSelection.groups("ledger"),
    description="Take what was dropped into the ledger; nothing is rebuilt or published.",
)

daily_lists = dg.define_asset_job(
    "daily_lists",
    selection=dg.AssetSelection.assets(["worklist", "daily_lists"]),
    description=(
        "Take hospital messages and care logs and write the coordinators' lists anew, beside a"
        " night that may be running."
    ),
)


@dg.job(
    name="settlement",
    config=EXAMPLE,
    description=(
        "Settle one program by its contract and by other terms, side by side, from the warehouse as"
        " it stands; nothing is issued or published. The launchpad holds an example to change."
    ),
)
def settlement() -> None:
    settle_under_other_terms()


DEFAULT_CRON = "30 5 * * *"


def schedule_nightly(cron: str | None) -> dg.ScheduleDefinition:
    """The nightly job in UTC; who sets the time wants it to run, else it waits to be switched on.

    Raises `ConfigurationError` where `cron` has not the five fields of a cron expression.
    """
    try:
        return dg.ScheduleDefinition(
            name="nightly_schedule",
            job=nightly,
            cron_schedule=cron or DEFAULT_CRON,
            execution_timezone="UTC",
            default_status=(
                dg.DefaultScheduleStatus.RUNNING if cron else dg.DefaultScheduleStatus.STOPPED
            ),
            description="Every night, after the senders' transfers (CARE_NIGHTLY_CRON, in UTC).",
        )
    except dg.DagsterInvalidDefinitionError as error:
        fix = f"Write five cron fields in UTC, such as '{DEFAULT_CRON}' for 05:30 every day."
        raise ConfigurationError(
            [Problem("environment", "CARE_NIGHTLY_CRON", str(cron), fix)]
        ) from error


nightly_schedule = schedule_nightly(load_settings().nightly_cron)
