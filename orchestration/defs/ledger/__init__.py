"""The ledger as assets: one a feed, the programs' terms, and the deliveries a run reads."""

from orchestration.defs.ledger.assets import (
    deliveries,
    feed_assets,
    ledger_checks,
    program_terms,
)

ASSETS = (*feed_assets, program_terms, deliveries)
CHECKS = (ledger_checks,)
