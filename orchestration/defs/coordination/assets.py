"""The daily lists as Dagster shows them; building them is `orchestration/coordination`."""

import dagster as dg

from orchestration.coordination.refresh import URGENT_FEEDS, refresh_lists
from orchestration.defs.ledger.assets import feed_assets
from orchestration.defs.publication.assets import generation
from orchestration.ingest import take_feed
from orchestration.settings import load_settings

URGENT_KEYS = [asset.key for asset in feed_assets if asset.key.path[-1] in URGENT_FEEDS]


@dg.asset(
    key=["worklist", "daily_lists"],
    group_name="worklist",
    kinds={"duckdb", "csv", "html"},
    owners=["team:care-coordination"],
    deps=[*URGENT_KEYS, generation],
    description=(
        "One folder a program and coordinator: who is in hospital, who left and what is due, whom"
        " to reach today. Stands on the last generation's members and the ledger's newest messages;"
        " it takes those itself and opens no warehouse, so it neither waits for a night nor delays"
        " one."
    ),
)
def daily_lists(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    # No `pipeline` resource: its lock would make the lists wait for a running night.
    settings = load_settings()
    for feed in URGENT_FEEDS:
        for outcome in take_feed(settings, feed).taken:
            log = context.log.error if outcome.status == "quarantined" else context.log.info
            log(str(outcome))
    refreshed = refresh_lists(settings)
    lists = refreshed.lists
    queued = "\n".join(
        ["| reason | rows |", "|---|---:|"]
        + [f"| {reason} | {rows} |" for reason, rows in sorted(lists.queued.items())]
    )
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": lists.cards_shown,
            "as_of": str(refreshed.as_of),
            "is_new": refreshed.is_new,
            "lists": lists.coordinators,
            "in_hospital": lists.in_hospital,
            "left_hospital": lists.left,
            "people_with_tasks": lists.cards,
            "queued": dg.MetadataValue.md(queued),
            "folder": dg.MetadataValue.path(str(refreshed.folder)),
        }
    )
