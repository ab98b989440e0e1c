"""Pay-for-performance points, composite and payout (METHODS J)."""

from dataclasses import replace
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestration.payment.money import dollars
from orchestration.payment.points import (
    MeasureScore,
    attainment_points,
    composite,
    improvement_points,
    pay_for_performance,
    payout_share,
    wilson_interval,
)
from orchestration.payment.shared_savings import Quality
from orchestration.payment.terms import PayForPerformance


def measure(weight: int, rate: str, base: str, threshold: str, benchmark: str) -> MeasureScore:
    return MeasureScore(
        Decimal(weight),
        Fraction(rate),
        100,
        Fraction(threshold),
        Fraction(benchmark),
        Fraction(base),
        100,
    )


EX_J1 = (
    measure(2, "0.76", "0.70", "0.68", "0.82"),
    measure(3, "0.70", "0.69", "0.66", "0.80"),
    measure(3, "0.61", "0.52", "0.62", "0.78"),
    measure(2, "0.84", "0.80", "0.78", "0.88"),
)
TERMS = PayForPerformance()


def test_points_and_payment_of_the_worked_example() -> None:
    """EX-J1: 0.42 of the points, 0.525 of a pool of 192,000."""
    points = [(attainment_points(one), improvement_points(one)) for one in EX_J1]
    assert points == [(6, 5), (3, 0), (0, 3), (6, 5)]
    found = composite(EX_J1)
    assert found.score == Fraction("0.42")
    paid = pay_for_performance(TERMS, 192_000, Quality(Decimal("0.42"), Decimal(1)))
    assert paid.payout_share == Fraction("0.525")
    assert dollars(paid.payment_cents) == Decimal("100800.00")


def test_the_linear_variant_rounds_nothing() -> None:
    """EX-J1: 5.714, 2.857, 3.115, 6.000 and 0.4135."""
    found = composite(EX_J1, "linear")
    assert [round(float(one or 0), 3) for one in found.points] == [5.714, 2.857, 3.115, 6.0]
    assert found.score is not None
    assert float(found.score) == pytest.approx(0.4135, abs=5e-5)


def test_a_small_denominator_is_not_scored_and_its_weight_shared_out() -> None:
    """EX-J2: score unchanged, 10/12 of the weight scored."""
    small = replace(EX_J1[0], denominator=18, rate=Fraction(0))
    found = composite((*EX_J1, small))
    assert found.score == Fraction("0.42")
    assert found.weight_scored == Fraction(10, 12)
    assert composite([small]).score is None


def test_rates_have_wilson_intervals() -> None:
    """EX-J3."""
    assert wilson_interval(76, 100) == pytest.approx((0.6677, 0.8331), abs=5e-5)


def test_improvement_needs_a_sound_base_and_room() -> None:
    """J.2: no points from 20 patients, nor for falling back from above the benchmark."""
    one = EX_J1[0]
    assert improvement_points(replace(one, base_denominator=29)) == 0
    assert improvement_points(replace(one, base=Fraction("0.90"))) == 0
    assert improvement_points(replace(one, rate=Fraction("0.82"))) == 10
    assert composite([one], has_improvement=False).points == (6,)
    assert composite([EX_J1[2]], has_improvement=False).points == (0,)


@pytest.mark.parametrize(
    ("score", "share"),
    [("0.3999", "0"), ("0.40", "0.5"), ("0.60", "0.75"), ("0.80", "1"), ("1", "1")],
)
def test_the_payout_table_at_its_corners(score: str, share: str) -> None:
    """J.3: nothing below 0.40, then 0.5 to 1.0, then all of it."""
    assert payout_share(TERMS, Fraction(score)) == Fraction(share)


@given(fewer=st.fractions(0, 1), more=st.fractions(0, 1))
def test_a_better_score_never_pays_less(fewer: Fraction, more: Fraction) -> None:
    """A group that improved and is paid less would be right to complain."""
    fewer, more = sorted((fewer, more))
    assert payout_share(TERMS, fewer) <= payout_share(TERMS, more)


@pytest.mark.parametrize(
    ("terms", "quality", "trend", "reasons"),
    [
        (TERMS, None, None, ("REPORTING_FAILED",)),
        (TERMS, Quality(Decimal("0.9"), Decimal("0.59")), None, ("WEIGHT_TOO_SMALL",)),
        (TERMS, Quality(Decimal("0.39"), Decimal(1)), None, ("BELOW_PAYOUT",)),
        (
            replace(TERMS, max_trend_points=Decimal(2)),
            Quality(Decimal("0.9"), Decimal(1)),
            Fraction("2.01"),
            ("TREND_TOO_HIGH",),
        ),
    ],
)
def test_each_gate_stops_the_bonus_and_is_named(
    terms: PayForPerformance,
    quality: Quality | None,
    trend: Fraction | None,
    reasons: tuple[str, ...],
) -> None:
    """J.3: a bonus is paid by score, unless the weight scored or the cost trend forbids it."""
    paid = pay_for_performance(terms, 1_000, quality, trend)
    assert (paid.payment_cents, paid.failed_reasons) == (0, reasons)
    good = Quality(Decimal("0.9"), Decimal(1))
    assert pay_for_performance(terms, 1_000, good, Fraction(2)).payment_cents == 1_000_00
