"""Shared savings as an asset, with the table a contract manager would look at."""

from orchestration.defs.payment.assets import agg_shared_savings

ASSETS = (agg_shared_savings,)
CHECKS = ()
