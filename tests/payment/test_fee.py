"""The coordination fee by snapshots, and its true-up (METHODS L.3, B.7)."""

from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pytest

from orchestration.payment.fee import (
    PANELS_FILE,
    FeeMonth,
    fee_months,
    read_clinician_months,
    read_panels,
    write_panels,
)
from orchestration.payment.terms import SettlementTerms

TERMS = SettlementTerms(
    program_id="p",
    program_name="Program",
    baseline_start_date=date(2024, 1, 1),
    baseline_end_date=date(2024, 12, 31),
    performance_start_date=date(2025, 1, 1),
    performance_end_date=date(2025, 12, 31),
    fee_pmpm=Decimal("3.00"),
)
JANUARY = 12 * 2025


def people(count: int, first: int = 0) -> frozenset[str]:
    return frozenset(str(number) for number in range(first, first + count))


def test_a_month_is_paid_and_the_last_one_trued_up() -> None:
    """EX-L1: January 9,900; in February 9,930 − 36 for twelve who had left in January."""
    paid = {JANUARY: people(3_300)}
    now = {JANUARY: people(3_288, first=12), JANUARY + 1: people(3_310)}
    january, february = fee_months(TERMS, now, paid, JANUARY + 1)
    assert january == FeeMonth(JANUARY, 3_288, 0, 12, 9_900_00, -36_00)
    assert february == FeeMonth(JANUARY + 1, 3_310, 0, 0, 9_930_00, 0)
    assert february.fee_cents + january.true_up_cents == 9_894_00


def test_adds_and_drops_of_equal_number_are_both_told() -> None:
    """A swap of members costs nothing, and is a change all the same."""
    (month,) = fee_months(TERMS, {JANUARY: people(10, first=2)}, {JANUARY: people(10)}, JANUARY)
    assert (month.added, month.dropped, month.true_up_cents) == (2, 2, 0)


@pytest.mark.parametrize(("known", "true_up"), [(JANUARY + 6, -3_00), (JANUARY + 7, 0)])
def test_changes_beyond_the_window_are_too_late(known: int, true_up: int) -> None:
    """`retro_window`: six months later is in time, seven is not."""
    (month,) = fee_months(TERMS, {JANUARY: people(9)}, {JANUARY: people(10)}, known)
    assert (month.dropped, month.true_up_cents) == (1, true_up)


def test_a_months_snapshot_is_its_member_months_attributed_the_month_before(
    tmp_path: Path,
) -> None:
    """B.6: the fee starts in the month after the attribution date, for those who are members then.

    A is in from December on; B was attributed in January and is paid from February; C left; D is
    another group's; E is paid on no dental month.
    """
    with duckdb.connect() as warehouse:
        warehouse.execute(
            """
            create table int_person as
            select * from (values (1, 'A'), (2, 'B'), (3, 'C'), (4, 'D'), (5, 'E'))
                as t (person_key, person_id);
            create table int_attribution_group as
            select * from (values (7, 'p'), (8, null)) as t (group_number, program_id);
            create table int_attribution_decided as
            select *, 1000000000 + person_key as npi from (values
                (1, 24299, 7), (1, 24300, 7), (1, 24311, 7), (2, 24300, 7), (3, 24299, 7),
                (4, 24299, 8), (5, 24299, 7)
            ) as t (person_key, snapshot_number, group_number);
            create table int_member_month_counted as
            select *, true as is_program_product from (values
                (1, 24300, true), (1, 24301, true), (1, 24312, true), (2, 24300, true),
                (2, 24301, true), (4, 24300, true), (5, 24300, false)
            ) as t (person_key, month_number, is_medical);
            """
        )
        write_panels(warehouse, {"p": TERMS}, tmp_path)
        path = tmp_path / "p" / PANELS_FILE
        assert read_panels(warehouse, path) == {JANUARY: {"A"}, JANUARY + 1: {"A", "B"}}
        assert read_clinician_months(warehouse, path) == {"1000000001": 2, "1000000002": 1}
        assert path.stat().st_mode & 0o777 == 0o600
