"""The publication as assets: checks of what is to be published, then gate, build new, swap."""

from orchestration.defs.publication.assets import generation, mart_checks, outcome_checks

ASSETS = (generation,)
CHECKS = (mart_checks, outcome_checks)
