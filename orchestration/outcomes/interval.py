"""Uncertainty of a standardised ratio (METHODS H.4, H.5, H.6).

Poisson and quasi-Poisson intervals, dispersion, the person bootstrap, p-values and the false
discovery rate belong here; which interval decides a verdict does not (`er_use.py`).
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import chi2, norm

from orchestration.outcomes.resampling import (
    BOOTSTRAP_DRAWS,
    BOOTSTRAP_SEED,
    Draws,
    FloatArray,
    IntArray,
    deal,
)
from orchestration.outcomes.standardize import Cell, CellGroups, Exposure

DEFAULT_LEVEL = 0.95

_VISIT_UNIT = 2**28  # above the member months of any population


@dataclass(frozen=True)
class Interval:
    """Lower and upper end, both included."""

    lower: float
    upper: float


@dataclass(frozen=True)
class Patterns:
    """Persons counted by what they have in common: cell, member months and visits.

    Four arrays of one length; `cell` indexes `cells`. Rows are unique and ordered by
    (cell, member_months, visits), so that equal populations give equal random draws.
    """

    cells: tuple[Cell, ...]
    cell: IntArray
    member_months: IntArray
    visits: IntArray
    persons: IntArray

    @property
    def exposures(self) -> dict[Cell, Exposure]:
        months = np.bincount(
            self.cell, weights=self.member_months * self.persons, minlength=len(self.cells)
        )
        visits = np.bincount(
            self.cell, weights=self.visits * self.persons, minlength=len(self.cells)
        )
        return {
            cell: Exposure(int(months[number]), int(visits[number]))
            for number, cell in enumerate(self.cells)
        }

    @property
    def digest(self) -> bytes:
        """Identity of the population: equal for equal patterns."""
        found = hashlib.sha256(repr(self.cells).encode())
        for array in (self.cell, self.member_months, self.visits, self.persons):
            found.update(array.tobytes())
        return found.digest()


@dataclass(frozen=True)
class ResampledTotals:
    """Member months and visits by draw (rows) and cell of the population (columns)."""

    cells: tuple[Cell, ...]
    member_months: IntArray
    visits: IntArray

    def by_group(self, groups: CellGroups) -> tuple[FloatArray, FloatArray]:
        """The same by draw and group; whole numbers, so sums are exact."""
        group_of_cell = groups.group_of_cell
        belongs = np.zeros((len(self.cells), len(groups.groups)))
        for number, cell in enumerate(self.cells):
            belongs[number, group_of_cell[cell]] = 1
        return self.member_months @ belongs, self.visits @ belongs


def patterns_of(rows: Sequence[tuple[Cell, int, int, int]]) -> Patterns:
    """Patterns from rows of (cell, member months, visits of one person, persons)."""
    persons_of: dict[tuple[Cell, int, int], int] = {}
    for cell, member_months, visits, persons in rows:
        if persons and member_months:
            key = (cell, member_months, visits)
            persons_of[key] = persons_of.get(key, 0) + persons
    keys = sorted(persons_of)
    cells = tuple(sorted({cell for cell, _, _ in keys}))
    number_of = {cell: number for number, cell in enumerate(cells)}
    return Patterns(
        cells=cells,
        cell=np.array([number_of[cell] for cell, _, _ in keys], dtype=np.int64),
        member_months=np.array([months for _, months, _ in keys], dtype=np.int64),
        visits=np.array([visits for _, _, visits in keys], dtype=np.int64),
        persons=np.array([persons_of[key] for key in keys], dtype=np.int64),
    )


def exact_poisson(observed: int, expected: float, level: float = DEFAULT_LEVEL) -> Interval:
    """Exact interval of observed/expected when visits are independent (H.4)."""
    tail = (1 - level) / 2
    lower = 0.0 if observed == 0 else float(chi2.ppf(tail, 2 * observed)) / 2
    return Interval(lower / expected, float(chi2.ppf(1 - tail, 2 * observed + 2)) / 2 / expected)


def byar(observed: int, expected: float, level: float = DEFAULT_LEVEL) -> Interval:
    """Byar's approximation of the exact interval (H.4)."""
    z = _z(level)
    lower = 0.0
    if observed:
        lower = observed * (1 - 1 / (9 * observed) - z / (3 * math.sqrt(observed))) ** 3
    above = observed + 1
    upper = above * (1 - 1 / (9 * above) + z / (3 * math.sqrt(above))) ** 3
    return Interval(max(lower, 0.0) / expected, upper / expected)


def person_dispersion(
    patterns: Patterns, market: Sequence[Exposure], groups: CellGroups
) -> float | None:
    """Pearson dispersion of persons about the market's rates, at least 1 (H.4).

    `market` is the market's exposure by group. Persons in groups where the market saw no visit
    have no expectation and are left out. None when there are no more persons than groups.
    """
    group_of_cell = groups.group_of_cell
    rate_of_group = [
        exposure.visits / exposure.member_months if exposure.member_months else 0.0
        for exposure in market
    ]
    rate = np.array([rate_of_group[group_of_cell[cell]] for cell in patterns.cells])
    if not len(rate):
        return None
    group = np.array([group_of_cell[cell] for cell in patterns.cells])[patterns.cell]
    mean = rate[patterns.cell] * patterns.member_months
    is_expected = mean > 0
    degrees = int(patterns.persons[is_expected].sum()) - len(set(group[is_expected].tolist()))
    if degrees <= 0:
        return None
    squares = (patterns.visits[is_expected] - mean[is_expected]) ** 2 / mean[is_expected]
    return max(1.0, float((squares * patterns.persons[is_expected]).sum()) / degrees)


def market_variance(
    expected_by_group: Sequence[float], market: Sequence[Exposure], market_dispersion: float
) -> float:
    """The market's share of Var ln SIR: Σ E_c² φ_m / V_c / E² (H.4)."""
    total = sum(expected_by_group)
    return sum(
        expected**2 * market_dispersion / exposure.visits / total**2
        for expected, exposure in zip(expected_by_group, market, strict=True)
        if expected
    )


def log_standard_error(observed: int, dispersion: float, market_term: float = 0.0) -> float:
    """Standard error of ln SIR; without the market term only for a market without error (H.4)."""
    return math.sqrt(dispersion / observed + market_term)


def quasi_poisson(ratio: float, standard_error: float, level: float = DEFAULT_LEVEL) -> Interval:
    """Interval of a ratio from the standard error of its logarithm (H.4, H.5)."""
    width = math.exp(_z(level) * standard_error)
    return Interval(ratio / width, ratio * width)


def log_p_value(ratio: float, standard_error: float) -> float:
    """Two-sided p-value of ln ratio = 0 (H.4)."""
    return float(2 * norm.sf(abs(math.log(ratio)) / standard_error))


def resample(
    patterns: Patterns,
    stream: int,
    draws: int = BOOTSTRAP_DRAWS,
    seed: int = BOOTSTRAP_SEED,
    drawn: Draws | None = None,
) -> ResampledTotals:
    """Resample a population's persons with replacement and total each draw by cell (H.4).

    `stream` keeps populations independent of each other; equal populations in equal streams give
    equal totals, whatever else the run holds. `drawn` remembers what streams share.
    """
    total = int(patterns.persons.sum())
    shape = (draws, len(patterns.cells))
    if not total:
        return ResampledTotals(patterns.cells, np.zeros(shape, np.int64), np.zeros(shape, np.int64))
    if total * int(patterns.member_months.max()) >= _VISIT_UNIT:
        raise ValueError(f"{total} persons are more than the bootstrap can count exactly")
    # Months and visits travel in one whole number that a double holds exactly.
    packed = (patterns.visits * _VISIT_UNIT + patterns.member_months).astype(np.float64)
    set_of, sets = deal(total, seed, stream, 1)
    place = set_of * shape[1] + np.repeat(patterns.cell, patterns.persons)
    of_sets = np.bincount(
        place, weights=np.repeat(packed, patterns.persons), minlength=sets * shape[1]
    ).reshape(sets, shape[1])
    counts = (drawn or Draws())(sets, draws, seed, stream)
    visits, months = np.divmod((counts @ of_sets).astype(np.int64), _VISIT_UNIT)
    return ResampledTotals(patterns.cells, months, visits)


def resampled_sir(
    panel: ResampledTotals, market: ResampledTotals, groups: CellGroups
) -> FloatArray:
    """SIR of every draw, with the market's rates computed anew in each (H.4).

    A draw in which nothing is expected has no ratio and is NaN.
    """
    panel_months, panel_visits = panel.by_group(groups)
    market_months, market_visits = market.by_group(groups)
    rates = np.divide(
        market_visits, market_months, out=np.zeros_like(market_visits), where=market_months > 0
    )
    expected = (panel_months * rates).sum(axis=1)
    observed = panel_visits.sum(axis=1)
    ratios: FloatArray = np.full_like(expected, np.nan)
    np.divide(observed, expected, out=ratios, where=expected > 0)
    return ratios


def percentile_interval(draws: FloatArray, level: float = DEFAULT_LEVEL) -> Interval | None:
    """Percentile interval of the draws; None if any draw has no value."""
    if not len(draws) or not np.isfinite(draws).all():
        return None
    lower, upper = np.quantile(draws, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(lower), float(upper))


def verdict_word(interval: Interval) -> str:
    """lower, higher or similar, by whether the interval holds 1 (H.7)."""
    if interval.upper < 1:
        return "lower"
    if interval.lower > 1:
        return "higher"
    return "similar"


def false_discovery_rates(p_values: Sequence[float]) -> list[float]:
    """Benjamini–Hochberg adjusted p-values, in the order given (H.6)."""
    order = sorted(range(len(p_values)), key=lambda index: (p_values[index], index))
    adjusted = [0.0] * len(p_values)
    least = 1.0
    for rank in range(len(order), 0, -1):
        index = order[rank - 1]
        least = min(least, p_values[index] * len(order) / rank)
        adjusted[index] = least
    return adjusted


def _z(level: float) -> float:
    return float(norm.ppf((1 + level) / 2))
