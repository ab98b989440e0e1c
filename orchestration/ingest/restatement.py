"""What became known between two days: rows and dollars by feed and month, before and after.

Both days are replays of the same ledger (`selection.py`), so nothing but the ledger is read and
nothing is written. What a difference does to members or payments does not belong here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

import duckdb

from orchestration.configuration import suggestion
from orchestration.errors import CareWarehouseError
from orchestration.ingest import ledger
from orchestration.ingest.contract import FeedContract
from orchestration.ingest.layouts import load_layouts
from orchestration.ingest.ledger import Entry
from orchestration.ingest.selection import SelectedDelivery, Selection, read_selection
from orchestration.settings import Settings
from orchestration.warehouse import engine

Basis = Literal["service", "period"]
AMOUNTS = ("allowed_amount", "paid_amount")


@dataclass(frozen=True)
class Side:
    """What a run of one day reads of a feed and month; amounts None where the feed has none."""

    rows: int
    allowed_amount: Decimal | None
    paid_amount: Decimal | None


@dataclass(frozen=True)
class MonthDifference:
    """One feed and month on both days.

    `rows_added` are rows of the later day that the earlier one does not have, `rows_removed` the
    reverse, both as whole rows: a corrected row counts in each.
    """

    feed: str
    month: str
    before: Side
    after: Side
    rows_added: int
    rows_removed: int

    @property
    def is_changed(self) -> bool:
        return bool(self.rows_added or self.rows_removed)


@dataclass(frozen=True)
class Restatement:
    """Two days of one ledger against each other, and the deliveries that make the difference."""

    before: date
    after: date
    months: tuple[MonthDifference, ...]
    arrived: tuple[Entry, ...]
    superseded: tuple[Entry, ...]


def restatement_between(
    settings: Settings,
    before: date,
    after: date,
    feed: str | None = None,
    basis: Basis = "service",
) -> Restatement:
    """Compare what runs of two days read, for one feed or for all that a contract is known of.

    A row's month is that of its service (the contract's `dated_by`), or with basis `period` the
    one its delivery is named for. Raises `CareWarehouseError` where the days are in the wrong
    order or there is no such feed.
    """
    if before >= after:
        raise CareWarehouseError(f"{before} is not before {after}. Name the earlier day first.")
    contracts = load_layouts(settings).contracts
    if feed is not None and feed not in contracts:
        raise CareWarehouseError(f"No feed {feed!r}. {suggestion(feed, list(contracts))}")
    wanted = {name: one for name, one in contracts.items() if feed in (None, name)}
    selections = read_selection(settings, before), read_selection(settings, after)
    earlier, later = (
        {
            one.entry.delivery_id: one.entry
            for one in selection.deliveries
            if one.is_selected and one.entry.feed in wanted
        }
        for selection in selections
    )
    months: list[MonthDifference] = []
    with engine(settings) as connection:
        for name, contract in sorted(wanted.items()):
            months += _of_feed(settings, connection, name, contract, selections, basis)
    return Restatement(
        before,
        after,
        tuple(months),
        arrived=_in_order(later[one] for one in later.keys() - earlier.keys()),
        superseded=_in_order(earlier[one] for one in earlier.keys() - later.keys()),
    )


def _in_order(entries: Iterator[Entry]) -> tuple[Entry, ...]:
    return tuple(
        sorted(
            entries, key=lambda one: (one.feed, one.source_id, one.period, one.part, one.version)
        )
    )


def _of_feed(
    settings: Settings,
    connection: duckdb.DuckDBPyConnection,
    feed: str,
    contract: FeedContract,
    selections: Sequence[Selection],
    basis: Basis,
) -> Iterator[MonthDifference]:
    """Months of one feed, in order."""
    read = [
        [one for one in selection.deliveries if one.is_selected and one.entry.feed == feed]
        for selection in selections
    ]
    known: dict[str, Entry] = {one.entry.delivery_id: one.entry for side in read for one in side}
    if not known:
        return
    connection.execute(
        "create or replace temp table chosen "
        "(side integer, delivery_id varchar, period varchar, delivery_order bigint)"
    )
    connection.executemany(
        "insert into chosen values (?, ?, ?, ?)",
        [_choice(side, one) for side, some in enumerate(read) for one in some],
    )
    files = [str(ledger.rows_path(settings, entry)) for entry in known.values()]
    sums = {name: f"sum({name})" for name in AMOUNTS if name in contract.columns}
    amounts = ", ".join(sums.get(name, "null") for name in AMOUNTS)
    connection.execute(
        f"""
        create or replace temp table side_row as
        select
            chosen.side,
            {_month(contract, basis)} as month,
            hash({", ".join(contract.columns)}) as content,
            {", ".join(name for name in AMOUNTS if name in contract.columns) or "null as amount"}
        from read_parquet($files, union_by_name = true) as rows
        inner join chosen on rows.delivery_id = chosen.delivery_id
        {_in_force(contract)}
        """,
        {"files": files},
    )
    found = connection.execute(
        f"""
        with
        sides as (
            select month, side, count(*) as rows, {amounts} from side_row group by month, side
        ),
        net as (
            select month, content, sum(case side when 1 then 1 else -1 end) as rows
            from side_row
            group by month, content
        ),
        moved as (
            select
                month,
                coalesce(sum(rows) filter (rows > 0), 0) as added,
                coalesce(-sum(rows) filter (rows < 0), 0) as removed
            from net
            group by month
        )
        select moved.month, earlier.* exclude (month, side), later.* exclude (month, side),
               moved.added, moved.removed
        from moved
        left join sides as earlier on moved.month = earlier.month and earlier.side = 0
        left join sides as later on moved.month = later.month and later.side = 1
        order by moved.month
        """
    ).fetchall()
    none = Side(0, *(Decimal("0.00") if name in sums else None for name in AMOUNTS))
    for month, *values, added, removed in found:
        earlier, later = (
            none if side[0] is None else Side(int(side[0]), *side[1:])
            for side in (values[:3], values[3:])
        )
        yield MonthDifference(feed, month, earlier, later, int(added), int(removed))


def _choice(side: int, one: SelectedDelivery) -> tuple[int, str, str, int]:
    return side, one.entry.delivery_id, one.entry.period, one.delivery_order


def _month(contract: FeedContract, basis: Basis) -> str:
    """The month of a row as YYYY-MM."""
    if basis == "period" or contract.dated_by is None:
        return "chosen.period"
    return f"strftime(rows.{contract.dated_by}, '%Y-%m')"


def _in_force(contract: FeedContract) -> str:
    """Of an append feed the newest row of every key is in force on a day; of others, all are."""
    if contract.mode != "append":
        return ""
    key = ", ".join(f"rows.{name}" for name in ("payer", *contract.key))
    return (
        f"qualify row_number() over (partition by chosen.side, {key} "
        "order by chosen.delivery_order desc, rows.row_number desc) = 1"
    )
