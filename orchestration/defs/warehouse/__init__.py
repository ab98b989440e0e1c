"""The dbt models as assets, all in one dbt process; dbt's tests are their checks."""

from orchestration.defs.warehouse.assets import warehouse

ASSETS = (warehouse,)
CHECKS = ()
