"""Decides whether a build may add to the tables of the last one, and says why where it may not.

A build that adds reads the new deliveries and what they change; its tables equal those of a build
of everything (docs/adr/0010). Building does not belong here.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq

from orchestration.checks import read_run_inputs
from orchestration.ingest import ledger
from orchestration.settings import Settings

# Feeds whose rows are in the tables that grow; every other feed is read whole by each build.
GROWING_FEEDS = ("eligibility", "medical_claims", "pharmacy_claims")
# What decides how claims are read: a change of it concerns every row.
RULING_FEEDS = ("program_terms",)


@dataclass(frozen=True)
class Place:
    """Where a delivery stands in its feed; `delivered_on` as ISO date."""

    feed: str
    payer: str | None
    delivery_order: int
    delivered_on: str


@dataclass(frozen=True)
class BuildPlan:
    """Whether to add, a sentence why or why not, and what is read now, by delivery id."""

    is_growth: bool
    reason: str
    code_version: str
    deliveries: Mapping[str, Place]


def begin_build(settings: Settings, is_whole: bool) -> BuildPlan:
    """Plan a build and write `inputs/new_delivery.parquet`, which its models read.

    From here until `complete_build` the warehouse counts as half built: a build that dies or fails
    is followed by one of everything.
    """
    before = _read_completed(settings)
    plan = _plan(settings, is_whole, before)
    settings.completed_build_file.unlink(missing_ok=True)
    known = before.deliveries if before and plan.is_growth else {}
    new = sorted(delivery_id for delivery_id in plan.deliveries if delivery_id not in known)
    table = pa.table({"delivery_id": pa.array(new, pa.string())})
    temporary = settings.inputs_dir / ".new_delivery.parquet.tmp"
    pq.write_table(table, temporary)
    ledger.place(temporary, settings.inputs_dir / "new_delivery.parquet")
    return plan


def complete_build(settings: Settings, plan: BuildPlan) -> None:
    """Remember what the warehouse now holds, so that the next build may add to it."""
    content = {
        "code_version": plan.code_version,
        "deliveries": {name: vars(place) for name, place in sorted(plan.deliveries.items())},
    }
    text = json.dumps(content, indent=1)
    ledger.write_whole(settings.completed_build_file, text.encode())


@dataclass(frozen=True)
class _Completed:
    code_version: str
    deliveries: Mapping[str, Place]


def _plan(settings: Settings, is_whole: bool, before: _Completed | None) -> BuildPlan:
    code_version = read_run_inputs(settings).code_version
    deliveries = _read_selected(settings)
    obstacle = _obstacle(settings, is_whole, before, code_version, deliveries)
    reason = obstacle or "the ledger only grew since the last build"
    return BuildPlan(obstacle is None, reason, code_version, deliveries)


def _obstacle(
    settings: Settings,
    is_whole: bool,
    before: _Completed | None,
    code_version: str,
    now: Mapping[str, Place],
) -> str | None:
    """Why a build cannot add; None where it can."""
    if settings.engine != "duckdb":
        return "only DuckDB adds to its tables"
    if not is_whole:
        return "only some tables are built"
    if before is None or not settings.warehouse_file.exists():
        return "no complete build to add to"
    if before.code_version != code_version:
        return "code, models or value sets changed"
    for delivery_id, place in before.deliveries.items():
        if now.get(delivery_id) != place:
            return f"{place.feed}: delivery {delivery_id} was superseded, or stands elsewhere"
    new = [place for delivery_id, place in now.items() if delivery_id not in before.deliveries]
    if ruling := sorted({place.feed for place in new if place.feed in RULING_FEEDS}):
        return f"{', '.join(ruling)} changed"
    growing = [place for place in new if place.feed in GROWING_FEEDS]
    if strangers := {p.payer for p in growing} - {p.payer for p in before.deliveries.values()}:
        return f"{', '.join(sorted(map(str, strangers)))} is a new payer"
    newest = max(_days(before.deliveries.values()), default=date.min)
    # Persons are numbered in the order in which they became known.
    if any(day <= newest for day in _days(growing)):
        return f"a delivery of {newest} or before arrived late"
    return None


def _days(places: Iterable[Place]) -> list[date]:
    return [
        date.fromisoformat(place.delivered_on) for place in places if place.feed in GROWING_FEEDS
    ]


def _read_selected(settings: Settings) -> dict[str, Place]:
    """Selected deliveries of the feeds that matter here, as the run's inputs name them."""
    columns = ["delivery_id", "feed", "payer", "delivery_order", "delivered_on", "is_selected"]
    rows = pq.read_table(settings.inputs_dir / "delivery.parquet", columns=columns).to_pylist()
    return {
        row["delivery_id"]: Place(
            row["feed"], row["payer"], row["delivery_order"], row["delivered_on"].isoformat()
        )
        for row in rows
        if row["is_selected"] and row["feed"] in (*GROWING_FEEDS, *RULING_FEEDS)
    }


def _read_completed(settings: Settings) -> _Completed | None:
    if not settings.completed_build_file.exists():
        return None
    content = json.loads(settings.completed_build_file.read_text(encoding="utf-8"))
    places = {name: Place(**place) for name, place in content["deliveries"].items()}
    return _Completed(content["code_version"], places)
