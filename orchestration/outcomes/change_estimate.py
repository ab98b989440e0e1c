"""The estimate of a change: sums of a panel and a market, resampled, and placebos (METHODS H.5).

What is told of it does not belong here (`change.py`), nor the weights (`propensity.py`).
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from orchestration.outcomes import propensity
from orchestration.outcomes.change_people import People
from orchestration.outcomes.change_row import COST, ER_VISITS, OUTCOMES
from orchestration.outcomes.resampling import FloatArray, IntArray, deal

PLACEBO_GROUPS = 30
FEWEST_MARKET_GROUPS = 8
MONTHS, NUMERATORS = 0, {ER_VISITS: 1, COST: 2}
UNITS = {ER_VISITS: 12_000.0, COST: 0.01}


@dataclass(frozen=True)
class Side:
    """A panel or a market: persons by cell, by group and cell, and in random sets to resample.

    `set_starts` index persons ordered by set; sums over sets are exact whole numbers.
    """

    cell: IntArray
    group: IntArray
    totals: IntArray
    set_starts: IntArray
    cuts: FloatArray
    pre_quarters: int

    @classmethod
    def of(
        cls,
        people: People,
        chosen: npt.NDArray[np.bool_],
        seed: int,
        cuts: FloatArray | None = None,
    ) -> "Side":
        """The chosen people; a market also says where its quarters of prior cost lie."""
        at = np.flatnonzero(chosen)
        prior = people.prior_cents[at]
        cuts = propensity.cost_cuts(prior) if cuts is None else cuts
        set_of, sets = deal(len(at), seed, 1)
        order = np.argsort(set_of, kind="stable")
        at = at[order]
        cell = propensity.cells_of(
            people.age[at],
            people.sex[at].tolist(),
            people.conditions[at],
            people.prior_visits[at],
            propensity.cost_bands(people.prior_cents[at], cuts),
        )
        starts = np.searchsorted(set_of[order], np.arange(sets))
        return cls(cell, people.group[at], people.totals[at], starts, cuts, people.pre_quarters)

    @property
    def persons(self) -> int:
        return len(self.cell)

    @property
    def by_cell(self) -> IntArray:
        return np.bincount(self.cell, minlength=propensity.CELLS).astype(np.int64)

    def weighted(self, weights: IntArray) -> "Sums":
        """Totals by quarter, of everyone and of each set, times the weight of the person's cell."""
        of_person = self.totals * weights[self.cell][:, None, None]
        of_sets = np.add.reduceat(of_person, self.set_starts, axis=0)
        return Sums(of_sets.sum(axis=0), of_sets, self.pre_quarters)


@dataclass(frozen=True)
class Sums:
    """Quarter × (months, visits, cents), in all and by set."""

    total: IntArray
    of_sets: IntArray
    pre_quarters: int

    def resampled(self, counts: FloatArray) -> FloatArray:
        """Draw × quarter × (months, visits, cents)."""
        sets = len(self.of_sets)
        flat = self.of_sets.reshape(sets, -1).astype(np.float64)
        found: FloatArray = (counts @ flat).reshape(len(counts), *self.total.shape)
        return found


@dataclass(frozen=True)
class Estimate:
    """Rates before and after on both sides, as shown; ratio, difference and pre-trend, or NaN."""

    rates: tuple[FloatArray, FloatArray, FloatArray, FloatArray]
    ratio: FloatArray
    difference: FloatArray
    slope: FloatArray


def estimate(panel: FloatArray, market: FloatArray, pre: int, outcome: str) -> Estimate:
    """Of totals whose last axes are quarter and (months, visits, cents); draws may stand before."""
    column = NUMERATORS[outcome]
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = []
        for side in (panel, market):
            for span in (slice(None, pre), slice(pre, None)):
                sums = side[..., span, :].sum(axis=-2)
                rates.append(UNITS[outcome] * sums[..., column] / sums[..., MONTHS])
        before, after, market_before, market_after = rates
        ratio = (after / before) / (market_after / market_before)
        difference = (after - before) - (market_after - market_before)
        quarterly = [side[..., :pre, column] / side[..., :pre, MONTHS] for side in (panel, market)]
        logs = np.log(quarterly[0] / quarterly[1])
        step = np.arange(pre) - (pre - 1) / 2
        slope = logs @ step / (step @ step) if pre > 1 else np.full(np.shape(ratio), np.nan)
    return Estimate((before, after, market_before, market_after), ratio, difference, slope)


def size_class(persons: int) -> int:
    """About so many persons, within a tenth: programs of like size in a market share placebos."""
    return round(2 ** (round(4 * math.log2(max(persons, 1))) / 4))


def placebos_of(persons: int, seed: int, market: Side) -> dict[str, list[float]]:
    """The weighted estimate for random unions of market groups of about so many persons.

    A market seldom has thirty groups of a panel's size, so groups are joined in random order until
    they are as large (or half the market); the rest of the market is their comparison. Unions
    overlap, so this is how far groups differ without a program, not an exact test. Empty for a
    market of too few groups.
    """
    groups, group = np.unique(market.group, return_inverse=True)
    if len(groups) < FEWEST_MARKET_GROUPS:
        return {outcome: [] for outcome in OUTCOMES}
    count = len(groups) * propensity.CELLS
    place = group * propensity.CELLS + market.cell
    pre = market.pre_quarters
    halves = np.stack(
        [market.totals[:, :pre].sum(axis=1), market.totals[:, pre:].sum(axis=1)], axis=1
    ).reshape(market.persons, -1)
    columns = np.column_stack([np.ones(market.persons, dtype=np.int64), halves])
    # Whole numbers below 2**53: sums of doubles are exact.
    by_group = np.stack(
        [np.bincount(place, weights=column, minlength=count) for column in columns.T], axis=-1
    ).reshape(len(groups), propensity.CELLS, -1)
    everyone = by_group.sum(axis=0)
    sizes = by_group[:, :, 0].sum(axis=1)
    wanted = min(persons, market.persons // 2)
    random = np.random.default_rng([seed, 3])
    found: dict[str, list[float]] = {outcome: [] for outcome in OUTCOMES}
    for _ in range(PLACEBO_GROUPS):
        order = random.permutation(len(groups))
        reached = np.cumsum(sizes[order])
        chosen = order[: int(np.searchsorted(reached, wanted)) + 1]
        inside = by_group[chosen].sum(axis=0)
        outside = everyone - inside
        weights = propensity.att_weights(
            inside[:, 0].astype(np.int64), outside[:, 0].astype(np.int64)
        )
        if weights is None:
            continue
        totals = [inside[:, 1:].sum(axis=0), weights @ outside[:, 1:]]
        # Two "quarters": before and after.
        sides = [total.reshape(2, 3).astype(float) for total in totals]
        for outcome in OUTCOMES:
            ratio = finite(estimate(sides[0], sides[1], 1, outcome).ratio)
            if ratio is not None:
                found[outcome].append(ratio)
    return found


def finite(value: FloatArray | float) -> float | None:
    """The number, or None where it has no value."""
    return float(value) if np.isfinite(value) else None
