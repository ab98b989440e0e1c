"""Weights that make a market look like a panel before anything happened (METHODS H.5).

The cells people are described by, the propensity model, ATT weights and the balance they reach
belong here; what is then compared does not (`change.py`).
"""

import itertools
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

AGES_FROM = (0, 6, 18, 35, 50, 65)
SEXES = ("F", "M", "U")
TOP_CONDITIONS = 3
TOP_PRIOR_VISITS = 2
COST_BANDS = 4
TRIMMED_AT = (0.01, 0.99)
FEWEST_OF_A_LEVEL = 20
LARGEST_DIFFERENCE = 0.1
WEIGHT_UNIT = 1024
"""Weights are whole numbers of 1/1024, so that weighted sums are exact in any order."""


@dataclass(frozen=True)
class Covariate:
    """One thing known of people before the baseline, with the names of its levels."""

    name: str
    levels: tuple[str, ...]


COVARIATES = (
    Covariate(
        "age",
        (
            *(f"{first}–{after - 1}" for first, after in itertools.pairwise(AGES_FROM)),
            f"{AGES_FROM[-1]}+",
        ),
    ),
    Covariate("sex", SEXES),
    Covariate("conditions", ("0", "1", "2", "3+")),
    Covariate("emergency visits before", ("0", "1", "2+")),
    Covariate("cost before", ("lowest quarter", "second", "third", "highest quarter")),
)
SHAPE = tuple(len(covariate.levels) for covariate in COVARIATES)
CELLS = int(np.prod(SHAPE))


@dataclass(frozen=True)
class Balance:
    """One level of one covariate: its share on each side, and how far apart the sides are.

    Differences are standardised by the pooled deviation of the unweighted sides.
    """

    covariate: str
    level: str
    panel_persons: int
    market_persons: int
    panel_share: float
    market_share: float
    weighted_share: float
    difference_before: float
    difference_after: float


def cells_of(
    age: IntArray, sex: Sequence[str], conditions: IntArray, visits: IntArray, cost_band: IntArray
) -> IntArray:
    """Number of each person's cell, 0 to `CELLS` − 1."""
    codes = {name: number for number, name in enumerate(SEXES)}
    levels = (
        np.searchsorted(AGES_FROM, age, side="right") - 1,
        np.array([codes[one] for one in sex], dtype=np.int64),
        np.minimum(conditions, TOP_CONDITIONS),
        np.minimum(visits, TOP_PRIOR_VISITS),
        cost_band,
    )
    found: IntArray = np.ravel_multi_index(levels, SHAPE).astype(np.int64)
    return found


def cost_bands(prior_cents: IntArray, cuts: FloatArray) -> IntArray:
    """Quarter of the market's prior cost, 0 to 3."""
    return np.searchsorted(cuts, prior_cents, side="right").astype(np.int64)


def cost_cuts(market_prior_cents: IntArray) -> FloatArray:
    """The three cents that part the market into quarters by cost before the baseline."""
    if not len(market_prior_cents):
        return np.zeros(COST_BANDS - 1)
    shares = np.arange(1, COST_BANDS) / COST_BANDS
    cuts: FloatArray = np.quantile(market_prior_cents, shares, method="lower").astype(np.float64)
    return cuts


def att_weights(panel: IntArray, market: IntArray) -> IntArray | None:
    """Weight of a market person of each cell in units of 1/1024: p / (1 − p), trimmed (H.5).

    `panel` and `market` are persons by cell. p is a logistic regression on the covariates' levels,
    levels of fewer than 20 people on a side joined to their neighbour; weights are scaled to a mean
    of 1 over the market and cut at their 1st and 99th percentile. None where a side is empty.
    """
    # Imported here and by their narrowest names: the whole package takes seconds to load.
    from statsmodels.genmod.families import Binomial
    from statsmodels.genmod.generalized_linear_model import GLM
    from statsmodels.tools.sm_exceptions import DomainWarning, PerfectSeparationWarning

    if not panel.sum() or not market.sum():
        return None
    used = np.flatnonzero(panel + market)
    design = _design(used, panel, market)
    counts = np.column_stack([panel[used], market[used]]).astype(np.float64)
    with warnings.catch_warnings():
        # A panel that a level alone tells apart gets a large weight there, which trimming cuts.
        warnings.simplefilter("ignore", category=PerfectSeparationWarning)
        warnings.simplefilter("ignore", category=DomainWarning)
        fitted = GLM(counts, design, family=Binomial()).fit(maxiter=25, tol=1e-8)
    odds = np.exp(np.clip(design @ np.asarray(fitted.params), -20, 20))
    of_market = market[used]
    low, high = _weighted_quantiles(odds, of_market, TRIMMED_AT)
    trimmed = np.clip(odds, low, high)
    scaled = trimmed / (trimmed @ of_market / of_market.sum())
    weights = np.zeros(CELLS, dtype=np.int64)
    weights[used] = np.rint(scaled * WEIGHT_UNIT).astype(np.int64)
    return weights


def effective_persons(market: IntArray, weights: IntArray) -> float:
    """Kish's number of equally weighted persons that tell as much: (Σw)² / Σw²."""
    total = float(weights @ market)
    return total**2 / float((weights.astype(np.float64) ** 2) @ market) if total else 0.0


def balance(panel: IntArray, market: IntArray, weights: IntArray) -> list[Balance]:
    """Shares and standardised differences of every level somebody has, covariate by covariate."""
    weighted = market * weights
    rows = []
    for axis, covariate in enumerate(COVARIATES):
        of_panel, of_market, of_weighted = (
            _margin(side, axis) for side in (panel, market, weighted)
        )
        for level, name in enumerate(covariate.levels):
            if not of_panel[level] and not of_market[level]:
                continue
            shares = [
                float(side[level]) / float(side.sum())
                for side in (of_panel, of_market, of_weighted)
            ]
            spread = np.sqrt(sum(share * (1 - share) for share in shares[:2]) / 2)
            rows.append(
                Balance(
                    covariate.name,
                    name,
                    int(of_panel[level]),
                    int(of_market[level]),
                    shares[0],
                    shares[1],
                    shares[2],
                    float((shares[0] - shares[1]) / spread) if spread else 0.0,
                    float((shares[0] - shares[2]) / spread) if spread else 0.0,
                )
            )
    return rows


def _margin(by_cell: IntArray, axis: int) -> IntArray:
    others = tuple(number for number in range(len(SHAPE)) if number != axis)
    found: IntArray = by_cell.reshape(SHAPE).sum(axis=others)
    return found


def _design(used: IntArray, panel: IntArray, market: IntArray) -> FloatArray:
    """Intercept and one column for each joined level but the first of every covariate."""
    places = np.unravel_index(used, SHAPE)
    columns = [np.ones(len(used))]
    for axis in range(len(SHAPE)):
        group_of_level = _joined(_margin(panel, axis), _margin(market, axis))
        group = group_of_level[places[axis]]
        columns.extend(
            (group == number).astype(np.float64) for number in range(1, group_of_level.max() + 1)
        )
    return np.column_stack(columns)


def _joined(panel: IntArray, market: IntArray) -> IntArray:
    """Group of each level: successive levels until both sides have enough people."""
    groups, number, seen = [], 0, [0, 0]
    for of_panel, of_market in zip(panel.tolist(), market.tolist(), strict=True):
        groups.append(number)
        seen = [seen[0] + of_panel, seen[1] + of_market]
        if min(seen) >= FEWEST_OF_A_LEVEL:
            number, seen = number + 1, [0, 0]
    last = max(number - 1, 0)
    # What is left over at the end joins the group before it.
    return np.array([min(group, last) for group in groups], dtype=np.int64)


def _weighted_quantiles(
    values: FloatArray, persons: IntArray, shares: Sequence[float]
) -> tuple[float, float]:
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(persons[order]) / persons.sum()
    found = [
        float(values[order][min(int(np.searchsorted(reached, share)), len(order) - 1)])
        for share in shares
    ]
    return found[0], found[1]
