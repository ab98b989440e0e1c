"""ER use versus market as an asset, with the table and the picture a person would look at."""

from orchestration.defs.outcomes.assets import agg_er_use_versus_market

ASSETS = (agg_er_use_versus_market,)
CHECKS = ()
