"""The coordination fee by snapshots, and its true-up (METHODS L.3, B.7)."""

from datetime import date
from decimal import Decimal

import pytest

from orchestration.payment.fee import FeeMonth, fee_months
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
