"""Claims not yet paid (METHODS A.8)."""

from fractions import Fraction

import pytest

from orchestration.payment.completion import (
    Triangle,
    age_to_age,
    completed_share,
    completion_factors,
    fit_completion,
    month_number,
)

JANUARY = month_number("2024-01")
APRIL = JANUARY + 3


def triangle_of(cumulated: dict[int, list[int]]) -> Triangle:
    """Lags' own payments from cumulative ones."""
    return {
        (month, lag): total - (row[lag - 1] if lag else 0)
        for month, row in cumulated.items()
        for lag, total in enumerate(row)
    }


EX_A5 = triangle_of(
    {
        JANUARY: [600, 850, 950, 1000],
        JANUARY + 1: [660, 930, 1040],
        JANUARY + 2: [590, 840],
        APRIL: [630],
    }
)


def test_factors_of_the_worked_example() -> None:
    """EX-A5: volume-weighted age-to-age factors and what they complete to."""
    assert age_to_age(EX_A5, APRIL, 12) == [
        Fraction(2620, 1850),
        Fraction(1990, 1780),
        Fraction(1000, 950),
    ]
    factors = completion_factors(EX_A5, APRIL, 12)
    assert [round(float(factor), 5) for factor in factors] == [0.60001, 0.84975, 0.95, 1]
    latest = [1000, 1040, 840, 630]
    ultimate = [float(paid / cf) for paid, cf in zip(latest, reversed(factors), strict=True)]
    assert ultimate == pytest.approx([1000, 1094.74, 988.53, 1049.98], abs=5e-3)
    assert sum(ultimate) - sum(latest) == pytest.approx(623.24, abs=1e-2)


def test_only_the_last_diagonals_count() -> None:
    """`cl_months`: a payer who pays faster since last month is not judged by last year."""
    assert age_to_age(EX_A5, APRIL, 1) == [
        Fraction(840, 590),
        Fraction(1040, 930),
        Fraction(1000, 950),
    ]


def test_payments_after_the_last_known_month_do_not_count() -> None:
    """A replay of March must not know what April paid."""
    march = APRIL - 1
    assert age_to_age(EX_A5, march, 12) == [Fraction(1780, 1260), Fraction(950, 850)]


def test_a_period_is_completed_as_the_sum_of_its_months() -> None:
    """EX-A5: 3,510 paid, 4,133.24 expected; nothing is added to what is complete."""
    months = dict.fromkeys(range(JANUARY, APRIL + 1), 1)
    completion = fit_completion({"professional": EX_A5}, months, APRIL, 12)
    share = completed_share(completion, JANUARY, APRIL, Fraction(0))
    assert float(3_510 * share) == pytest.approx(4_133.24, abs=1e-2)
    assert completed_share(completion, JANUARY, JANUARY, Fraction(0)) == 1
    assert completed_share(completion, APRIL + 1, APRIL + 12, Fraction(0)) == 1


def test_too_young_a_month_is_the_year_before_moved_by_trend_and_members() -> None:
    """`cf_min`: a factor below it would multiply chance; PMPM of the year before is steadier."""
    cumulated = {month: [50, 100] for month in range(JANUARY - 12, JANUARY)}
    cumulated |= {month: [55, 110] for month in range(JANUARY, JANUARY + 11)}
    cumulated[JANUARY + 11] = [11]
    months = dict.fromkeys(range(JANUARY - 12, JANUARY), 10)
    months |= dict.fromkeys(range(JANUARY, JANUARY + 12), 20)
    triangle = triangle_of(cumulated)
    completion = fit_completion({"professional": triangle}, months, JANUARY + 11, 12)
    paid = 11 * 110 + 11
    divided = completed_share(completion, JANUARY, JANUARY + 11, Fraction("0.5"))
    assert divided * paid == pytest.approx(11 * 110 + 22, abs=1e-6)
    replaced = completed_share(completion, JANUARY, JANUARY + 11, Fraction("0.6"))
    # PMPM 10 a year ago, 5.5 now in the other months, 20 members: 110.
    assert replaced * paid == pytest.approx(12 * 110, abs=1e-6)


def test_categories_ripen_apart() -> None:
    """A.8: half-paid stays and fully paid fills; one common factor would complete the fills."""
    fills = {(month, 0): 100 for month in range(JANUARY, APRIL + 1)}
    months = dict.fromkeys(range(JANUARY, APRIL + 1), 1)
    completion = fit_completion({"inpatient": EX_A5, "pharmacy": fills}, months, APRIL, 12)
    assert completion.factors["pharmacy"] == (1, 1, 1, 1)
    share = completed_share(completion, JANUARY, APRIL, Fraction(0))
    assert float(3_910 * share) == pytest.approx(4_533.24, abs=1e-2)
