"""The Dagster code location: every stage's definitions, with the defaults applied once.

Assets, checks and schedules do not belong here; each lives with its stage under `defs/`.
"""

import dagster as dg

from orchestration.defs import coordination, ledger, outcomes, payment, publication, warehouse
from orchestration.defs.alerts import failure_alert, watch_alert
from orchestration.defs.jobs import daily_lists, intake, nightly, nightly_schedule, settlement
from orchestration.defs.logging import terminal_logger
from orchestration.defs.resources import Pipeline, dbt_resource
from orchestration.defs.sensors import care_message_sensor, landing_sensor
from orchestration.settings import load_settings

STAGES = (ledger, warehouse, outcomes, payment, publication, coordination)
DEFAULT_OWNERS = ["team:data-engineering"]

defs = dg.Definitions(
    assets=dg.map_asset_specs(
        lambda spec: spec.replace_attributes(owners=spec.owners or DEFAULT_OWNERS),
        [asset for stage in STAGES for asset in stage.ASSETS],
    ),
    asset_checks=[check for stage in STAGES for check in stage.CHECKS],
    jobs=[nightly, intake, daily_lists, settlement],
    schedules=[nightly_schedule],
    sensors=[landing_sensor, care_message_sensor, failure_alert, watch_alert],
    resources={"pipeline": Pipeline(), "dbt": dbt_resource(load_settings())},
    executor=dg.in_process_executor,
    loggers={"console": terminal_logger},
)
