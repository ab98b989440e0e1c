"""Intervals, dispersion and the person bootstrap (METHODS H.4–H.6)."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestration.outcomes import interval as stats
from orchestration.outcomes.interval import Patterns, patterns_of
from orchestration.outcomes.standardize import Cell, Exposure, collapse_cells, standardize

CELL = Cell(35, "F", 0)
SIR_H1 = 2_900 / 3_110


def overdispersed_persons(
    random: np.random.Generator, persons: int, rate: float, shape: float = 0.5
) -> Patterns:
    """Persons of one cell with gamma-mixed Poisson visits over 12 months."""
    visits = random.poisson(random.gamma(shape, rate / shape, persons))
    return patterns_of([(CELL, 12, int(v), n) for v, n in sorted(Counter(visits.tolist()).items())])


def test_exact_and_byar_intervals_of_the_worked_example() -> None:
    """EX-H1: the independent-visits forms, which are too narrow for people."""
    exact, byar = stats.exact_poisson(2_900, 3_110), stats.byar(2_900, 3_110)
    assert (exact.lower, exact.upper) == pytest.approx((0.89884, 0.96704), abs=6e-6)
    assert (byar.lower, byar.upper) == pytest.approx((0.89884, 0.96705), abs=6e-6)


def test_quasi_poisson_interval_and_p_value_of_the_worked_example() -> None:
    """EX-H1 with φ = 1.8 against a market without error."""
    error = stats.log_standard_error(2_900, 1.8)
    interval = stats.quasi_poisson(SIR_H1, error)
    assert (interval.lower, interval.upper) == pytest.approx((0.88804, 0.97914), abs=6e-6)
    assert math.log(SIR_H1) / error == pytest.approx(-2.806, abs=5e-4)
    assert stats.log_p_value(SIR_H1, error) == pytest.approx(0.0050, abs=5e-5)


def test_a_small_panel_says_similar() -> None:
    """EX-H2: 31 % fewer visits than expected are still chance when they are seven."""
    interval = stats.exact_poisson(7, 10.2)
    assert (interval.lower, interval.upper) == pytest.approx((0.2759, 1.4140), abs=5e-5)
    assert stats.verdict_word(interval) == "similar"


def test_dispersion_of_the_worked_example() -> None:
    """EX-H3: few people with many visits make the Poisson interval 1.81 times too narrow."""
    counts = {0: 880, 1: 85, 2: 20, 3: 8, 5: 4, 9: 2, 14: 1}
    patterns = patterns_of([(CELL, 12, visits, persons) for visits, persons in counts.items()])
    groups = collapse_cells(patterns.exposures)
    dispersion = stats.person_dispersion(patterns, groups.total(patterns.exposures), groups)
    assert dispersion == pytest.approx(3.26, abs=5e-3)
    assert math.sqrt(dispersion or 0) == pytest.approx(1.81, abs=5e-3)


def test_dispersion_is_never_below_one() -> None:
    """Visits more even than chance must not narrow an interval below Poisson."""
    patterns = patterns_of([(CELL, 12, 1, 500)])
    groups = collapse_cells(patterns.exposures)
    assert stats.person_dispersion(patterns, groups.total(patterns.exposures), groups) == 1


def test_change_against_baseline_of_the_worked_example() -> None:
    """EX-H4: φ = 1 looks significant, φ = 1.8 does not; the second is reported."""
    ratio = SIR_H1 / (3_105 / 3_150)
    assert ratio == pytest.approx(0.94599, abs=6e-6)
    for dispersion, lower, upper, p_value in (
        (1.0, 0.8993, 0.9951, 0.032),
        (1.8, 0.8839, 1.0125, 0.109),
    ):
        error = math.hypot(
            stats.log_standard_error(2_900, dispersion), stats.log_standard_error(3_105, dispersion)
        )
        interval = stats.quasi_poisson(ratio, error)
        assert (interval.lower, interval.upper) == pytest.approx((lower, upper), abs=1e-4)
        assert stats.log_p_value(ratio, error) == pytest.approx(p_value, abs=6e-4)


def test_the_markets_error_doubles_the_variance_of_an_equally_large_market() -> None:
    """H.4: with one cell the market's term is φ_m / V."""
    market = [Exposure(120_000, 2_000)]
    assert stats.market_variance([2_000.0], market, 1.8) == pytest.approx(1.8 / 2_000)
    assert stats.market_variance([10.0, 0.0], [*market, Exposure(9, 0)], 1.8) == pytest.approx(
        1.8 / 2_000
    )


def test_an_interval_without_the_markets_error_covers_too_little() -> None:
    """H.4: 83 % instead of 95 % when market and panel are equally large; no effect is planted."""
    random = np.random.default_rng(83)
    covered_with = covered_without = 0
    replicates = 600
    for _ in range(replicates):
        panel = overdispersed_persons(random, 3_000, 0.2)
        market = overdispersed_persons(random, 3_000, 0.2)
        groups = collapse_cells(market.exposures)
        of_market = groups.total(market.exposures)
        rates = standardize(panel.exposures, market.exposures, groups)
        panel_dispersion = stats.person_dispersion(panel, of_market, groups)
        market_dispersion = stats.person_dispersion(market, of_market, groups)
        assert rates.sir is not None
        assert panel_dispersion is not None
        assert market_dispersion is not None
        term = stats.market_variance(rates.expected_by_group, of_market, market_dispersion)
        for market_term in (term, 0.0):
            error = stats.log_standard_error(rates.observed_visits, panel_dispersion, market_term)
            interval = stats.quasi_poisson(rates.sir, error)
            if interval.lower <= 1 <= interval.upper:
                covered_with += market_term > 0
                covered_without += market_term == 0
    assert 0.93 <= covered_with / replicates <= 0.97
    assert 0.79 <= covered_without / replicates <= 0.87


def test_the_bootstrap_interval_covers_and_agrees_with_the_quasi_interval() -> None:
    """The release interval must hold what it promises, with panel and market both uncertain."""
    random = np.random.default_rng(95)
    covered = 0
    replicates = 150
    for _ in range(replicates):
        panel = overdispersed_persons(random, 1_500, 0.2)
        market = overdispersed_persons(random, 1_500, 0.2)
        groups = collapse_cells(market.exposures)
        draws = stats.resampled_sir(
            stats.resample(panel, 0, draws=250), stats.resample(market, 1, draws=250), groups
        )
        interval = stats.percentile_interval(draws)
        assert interval is not None
        covered += interval.lower <= 1 <= interval.upper
    assert 0.91 <= covered / replicates <= 0.98


def test_draws_keep_the_population_and_its_moments() -> None:
    """Persons are drawn in sets; the shortcut must not change the distribution."""
    rows = [
        (CELL, months, visits, persons)
        for months, visits, persons in (
            (12, 0, 4_000),
            (12, 1, 600),
            (12, 2, 90),
            (12, 7, 3),
            (6, 0, 200),
            (6, 1, 7),
            (3, 4, 1),
        )
    ]
    patterns = patterns_of(rows)
    drawn = stats.resample(patterns, 0, draws=4_000)
    total = sum(persons for _, _, _, persons in rows)
    mean = sum(visits * persons for _, _, visits, persons in rows)
    square = sum(visits**2 * persons for _, _, visits, persons in rows)
    variance = square - mean**2 / total
    assert drawn.visits.mean() == pytest.approx(mean, abs=4 * math.sqrt(variance / 4_000))
    assert drawn.visits.var() == pytest.approx(variance, rel=0.1)
    assert drawn.member_months.mean() == pytest.approx(
        sum(months * persons for _, months, _, persons in rows), rel=1e-3
    )
    whole = patterns_of([(CELL, 1, 0, 50)])
    assert set(stats.resample(whole, 0).member_months.ravel().tolist()) == {50}


patterns_strategy = st.lists(
    st.tuples(
        st.builds(
            Cell,
            age_from=st.sampled_from((18, 35, 55)),
            sex=st.sampled_from("FM"),
            condition_tier=st.integers(0, 1),
        ),
        st.integers(1, 12),
        st.integers(0, 6),
        st.integers(1, 400),
    ),
    min_size=1,
    max_size=30,
)


@settings(deadline=None, max_examples=30)
@given(rows=patterns_strategy)
def test_equal_populations_give_equal_draws_in_any_order(
    rows: list[tuple[Cell, int, int, int]],
) -> None:
    """The seed fixes the result: neither the order of rows nor how they are split may move it."""
    split = [(cell, months, visits, 1) for cell, months, visits, _ in rows]
    split += [(cell, months, visits, persons - 1) for cell, months, visits, persons in rows]
    first, second = patterns_of(rows), patterns_of(split[::-1])
    assert first.digest == second.digest
    one, other = stats.resample(first, 1, draws=50), stats.resample(second, 1, draws=50)
    assert np.array_equal(one.visits, other.visits)
    assert np.array_equal(one.member_months, other.member_months)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), rate=st.floats(0.1, 0.5))
def test_every_interval_contains_its_point(seed: int, rate: float) -> None:
    """An interval beside its own estimate would be read as an error, and rightly."""
    random = np.random.default_rng(seed)
    panel, market = (overdispersed_persons(random, size, rate) for size in (800, 4_000))
    groups = collapse_cells(market.exposures)
    rates = standardize(panel.exposures, market.exposures, groups)
    assert rates.sir is not None
    assert rates.expected_visits is not None
    draws = stats.resampled_sir(
        stats.resample(panel, 0, draws=300), stats.resample(market, 1, draws=300), groups
    )
    for interval in (
        stats.percentile_interval(draws),
        stats.exact_poisson(rates.observed_visits, rates.expected_visits),
        stats.byar(rates.observed_visits, rates.expected_visits),
        stats.quasi_poisson(rates.sir, stats.log_standard_error(rates.observed_visits, 2.0, 0.01)),
    ):
        assert interval is not None
        assert interval.lower <= rates.sir <= interval.upper


def test_no_visits_have_a_lower_end_of_zero() -> None:
    """H.4: O = 0 → lower 0; the chi-square of no degrees of freedom is not asked for."""
    assert stats.exact_poisson(0, 5).lower == 0
    assert stats.byar(0, 5).lower == 0


def test_false_discovery_rates_are_monotone_and_at_least_the_p_values() -> None:
    """H.6: Benjamini–Hochberg, in the order given."""
    adjusted = stats.false_discovery_rates([0.04, 0.001, 0.03, 0.8])
    assert adjusted == pytest.approx([0.04 * 4 / 3, 0.004, 0.04 * 4 / 3, 0.8])
