"""Care coordination as an asset: today's lists, refreshed by every hospital message delivered."""

from orchestration.defs.coordination.assets import daily_lists

ASSETS = (daily_lists,)
CHECKS = ()
