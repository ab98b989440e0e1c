"""Kept snapshots against today's, as a table in the terminal: counts of members, no names.

How they are compared does not belong here (`restatement.py`).
"""

from collections.abc import Sequence

from rich.table import Table

from orchestration.attribution.restatement import MonthRestatement


def restatement_table(months: Sequence[MonthRestatement]) -> Table:
    """One row a program and month that changed, and a total of each program."""
    table = Table(title="members of attribution snapshots", title_justify="left")
    for name in ("program", "month", "known on"):
        table.add_column(name, no_wrap=True)
    for name in ("as known", "restated", "adjusted"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("changes by cause")
    for program_id in dict.fromkeys(one.program_id for one in months):
        own = [one for one in months if one.program_id == program_id]
        for one in own:
            if one.changes:
                _add(table, program_id, one.month, one.known_on, one)
        totals = [sum(getattr(one, name) for one in own) for name in _BASES]
        told = f"{sum(bool(one.changes) for one in own)} of {len(own)} months changed"
        table.add_row(
            program_id, "all", "", *(f"{count:,}" for count in totals), told, style="bold"
        )
    return table


_BASES = ("as_known", "restated", "adjusted")


def _add(table: Table, program_id: str, month: str, known_on: str, one: MonthRestatement) -> None:
    told = [
        f"{'+' if change == 'ADDED' else '-'}{count} {cause.lower()}"
        for (change, cause), count in sorted(one.changes.items())
    ]
    counts = [f"{getattr(one, name):,}" for name in _BASES]
    table.add_row(program_id, month, known_on, *counts, ", ".join(told))
