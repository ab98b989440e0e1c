"""A restatement diff as people read it: a table in the terminal, a file for a spreadsheet.

How the difference is found does not belong here (`restatement.py`).
"""

import csv
from decimal import Decimal
from pathlib import Path

from rich.console import Group
from rich.table import Table
from rich.text import Text

from orchestration.ingest.ledger import Entry
from orchestration.ingest.restatement import MonthDifference, Restatement, Side

_COLUMNS = (
    "feed",
    "month",
    "rows_before",
    "rows_after",
    "rows_added",
    "rows_removed",
    "allowed_amount_before",
    "allowed_amount_after",
    "paid_amount_before",
    "paid_amount_after",
)


def restatement_table(found: Restatement, everything: bool = False) -> Group:
    """Months that changed (or every month) and totals by feed, then the deliveries behind it."""
    table = Table(title=f"known on {found.before} and on {found.after}", title_justify="left")
    for name in ("feed", "month"):
        table.add_column(name, no_wrap=True)
    for name in ("rows before", "after", "+", "-", "allowed before", "after", "change"):
        table.add_column(name, justify="right", no_wrap=True)
    feeds = list(dict.fromkeys(one.feed for one in found.months))
    for feed in feeds:
        months = [one for one in found.months if one.feed == feed]
        for one in months:
            if everything or one.is_changed:
                table.add_row(*_cells(one))
        table.add_row(*_cells(_total(feed, months)), style="bold", end_section=True)
    told = [_delivery("read now", one) for one in found.arrived]
    told += [_delivery("no longer read", one) for one in found.superseded]
    return Group(table, *(Text(one) for one in told or ["The same deliveries are read."]))


def write_csv(found: Restatement, path: Path) -> None:
    """Every month of every feed, changed or not, one line each; amounts are exact dollars."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(_COLUMNS)
        for one in found.months:
            before, after = one.before, one.after
            writer.writerow(
                [
                    *(one.feed, one.month, before.rows, after.rows),
                    *(one.rows_added, one.rows_removed),
                    *(before.allowed_amount, after.allowed_amount),
                    *(before.paid_amount, after.paid_amount),
                ]
            )


def _cells(one: MonthDifference) -> list[str]:
    before, after = one.before.allowed_amount, one.after.allowed_amount
    is_money = before is not None and after is not None
    change = f"{after - before:+,.2f}" if before is not None and after is not None else ""
    return [
        *(one.feed, one.month, f"{one.before.rows:,}", f"{one.after.rows:,}"),
        *(f"{one.rows_added:,}", f"{one.rows_removed:,}"),
        *(f"{amount:,.2f}" if is_money else "" for amount in (before, after)),
        change,
    ]


def _total(feed: str, months: list[MonthDifference]) -> MonthDifference:
    return MonthDifference(
        feed,
        "all",
        _sum([one.before for one in months]),
        _sum([one.after for one in months]),
        sum(one.rows_added for one in months),
        sum(one.rows_removed for one in months),
    )


def _sum(sides: list[Side]) -> Side:
    return Side(
        sum(side.rows for side in sides),
        _added([side.allowed_amount for side in sides]),
        _added([side.paid_amount for side in sides]),
    )


def _added(amounts: list[Decimal | None]) -> Decimal | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known, Decimal("0.00")) if known else None


def _delivery(what: str, entry: Entry) -> str:
    period = f"{entry.period}.{entry.part}" if entry.part else entry.period
    return (
        f"{what}: {entry.source_id}/{entry.feed} {period} v{entry.version} of"
        f" {entry.delivered_on} ({entry.delivery_id}, {entry.loaded_count:,} rows)"
    )
