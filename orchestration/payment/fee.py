"""The care coordination fee: paid by monthly snapshots, trued up by what is known later (L.3, B.7).

Whom a snapshot holds is decided in the warehouse. What was paid is remembered by the statements
that were issued (`statement_store.py`), not here.
"""

from collections.abc import Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import duckdb

from orchestration.payment.completion import month_number
from orchestration.payment.costs import text_literal
from orchestration.payment.money import cents_of, whole_cents
from orchestration.payment.terms import SettlementTerms

PANELS_FILE = "panels.parquet"

Panels = Mapping[int, AbstractSet[str]]
"""Person ids by month number."""


@dataclass(frozen=True)
class FeeMonth:
    """One month's snapshot; `added` and `dropped` are people known since the month was last paid.

    `fee_cents` is paid for the snapshot as first known; `true_up_cents` for the difference.
    """

    month_number: int
    members: int
    added: int
    dropped: int
    fee_cents: int
    true_up_cents: int


def fee_cents(terms: SettlementTerms, members: int, scale: Fraction = Fraction(1)) -> int:
    """Rate × snapshot members × the share that results earn, in cents."""
    return whole_cents(cents_of(terms.fee_pmpm) * members * scale)


def fee_months(
    terms: SettlementTerms,
    panels: Panels,
    paid: Panels | None,
    known_month: int,
    scale: Fraction = Fraction(1),
) -> list[FeeMonth]:
    """Each month's fee; where `paid` holds an earlier snapshot, that fee and a true-up beside it.

    Changes to a month more than `retro_window` months before `known_month` are too late: they are
    counted and not paid. A month that `paid` does not hold is paid as it is known now.
    """
    months = []
    for month in sorted(panels):
        members = panels[month]
        before = members if paid is None else paid.get(month, members)
        added, dropped = len(members - before), len(before - members)
        is_open = known_month - month <= terms.retro_window
        fee = fee_cents(terms, len(before), scale)
        true_up = fee_cents(terms, len(before) + added - dropped, scale) - fee if is_open else 0
        months.append(FeeMonth(month, len(members), added, dropped, fee, true_up))
    return months


def write_panels(
    warehouse: duckdb.DuckDBPyConnection, terms: Mapping[str, SettlementTerms], folder: Path
) -> None:
    """Write each program's monthly snapshots to `folder/<program>/panels.parquet`, ordered.

    A month's fee is for its member months attributed at the snapshot before it (join_effective
    next_month, B.6); provisional members are in no snapshot.
    """
    bounds = ", ".join(
        f"({text_literal(program_id)}, "
        f"{month_number(of_program.performance_start_date.isoformat())}, "
        f"{month_number(of_program.performance_end_date.isoformat())}, "
        f"{of_program.outcome_lag_months})"
        for program_id, of_program in sorted(terms.items())
    )
    warehouse.execute(
        f"""
        create or replace temp table settlement_panel as
        with
        bounds (program_id, first_month, last_month, lag_months) as (values {bounds})
        select
            bounds.program_id,
            months.month_number,
            persons.person_id,
            lpad(decided.npi::varchar, 10, '0') as npi
        from bounds
        inner join int_attribution_group as groups on bounds.program_id = groups.program_id
        inner join int_attribution_decided as decided
            on
                groups.group_number = decided.group_number
                and decided.snapshot_number + bounds.lag_months
                between bounds.first_month and bounds.last_month
        inner join int_member_month_counted as months
            on
                decided.person_key = months.person_key
                and months.month_number = decided.snapshot_number + bounds.lag_months
        inner join int_person as persons on decided.person_key = persons.person_key
        where months.is_medical and months.is_program_product
        """
    )
    for program_id in terms:
        path = folder / program_id / PANELS_FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        warehouse.execute(
            f"""
            copy (
                select month_number, person_id, npi
                from settlement_panel
                where program_id = {text_literal(program_id)}
                order by all
            ) to {text_literal(path)} (format parquet, compression zstd)
            """
        )
        path.chmod(0o600)


def read_panels(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[int, frozenset[str]]:
    """The snapshots of one program, as `write_panels` wrote them."""
    found = connection.execute(
        "select month_number, list(person_id) from read_parquet(?) group by month_number",
        [str(path)],
    ).fetchall()
    return {month: frozenset(persons) for month, persons in found}


def read_clinician_months(connection: duckdb.DuckDBPyConnection, path: Path) -> dict[str, int]:
    """Member months of each clinician of the snapshots, by NPI."""
    found = connection.execute(
        "select npi, count(*) from read_parquet(?) where npi is not null group by npi order by npi",
        [str(path)],
    ).fetchall()
    return dict(found)
