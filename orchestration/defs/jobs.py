"""The jobs people and schedules start: `nightly` (everything) and `intake` (the ledger alone).

What the assets do does not belong here.
"""

import dagster as dg

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

nightly_schedule = dg.ScheduleDefinition(
    name="nightly_schedule",
    job=nightly,
    cron_schedule="30 5 * * *",
    execution_timezone="UTC",
    description="Every night at 05:30 UTC, after the senders' nightly transfers.",
)
