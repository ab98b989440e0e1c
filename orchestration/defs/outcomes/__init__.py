"""Outcomes versus market as assets, with the tables and pictures a person would look at."""

from orchestration.defs.outcomes.assets import (
    agg_change_versus_market,
    agg_er_use_versus_market,
    agg_outcome_versus_market,
)

ASSETS = (agg_er_use_versus_market, agg_change_versus_market, agg_outcome_versus_market)
CHECKS = ()
