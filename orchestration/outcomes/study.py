"""Simulated worlds through the functions that state ER use: how often they are right (METHODS H).

A world is a panel and a market of people with equal exposure: age, sex and conditions decide a
rate, a gamma frailty disperses it, and visits are Poisson. People of one cell are alike, so the
number of them with 0, 1, 2, … visits is multinomial: the same worlds as drawing people one by one,
at a hundredth of the cost. What is paid belongs to `payment/study.py`.
"""

from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from math import sqrt

import numpy as np
import numpy.typing as npt
from scipy.stats import nbinom, poisson

from orchestration.outcomes.er_populations import Population, Populations, Unit
from orchestration.outcomes.er_row import (
    ATTRIBUTED_ELSEWHERE,
    INSUFFICIENT,
    PANEL,
    PERFORMANCE,
    ErUseRow,
)
from orchestration.outcomes.er_terms import ErComparisonTerms
from orchestration.outcomes.er_use import compare_er_use
from orchestration.outcomes.interval import Patterns
from orchestration.outcomes.resampling import Draws
from orchestration.outcomes.standardize import Cell

WORLDS, DRAWS, SEED = 4_000, 1_000, 20150520
"""4,000 worlds tell 95 % from 94 %: the Monte Carlo error of a share is 0.34 points."""
METHOD = "persons in random sets"
"""Worlds drawn by another bootstrap are not these."""
PANEL_SIZES = (3_300, 12_000, 30_000)
DISPERSIONS = (1.6, 3.0)
GROUP_SPREADS = (0.0, 0.03, 0.05)
MARKET_TIMES = 4
"""People of the market for each of the panel."""

_CONFOUNDED_SHARE = {PANEL: 0.20, ATTRIBUTED_ELSEWHERE: 0.10}
_CONFOUNDER = 1.5
_MOST_VISITS = 60
_BOOTSTRAP_SEEDS = 8
"""Which sets are drawn has nothing to do with who is in them: worlds may share the draws."""
_PROGRAM = "program"
_TERMS = ErComparisonTerms(
    program_id=_PROGRAM,
    program_name="A group",
    market_name="a market",
    is_whole_state=True,
    baseline=(date(2024, 1, 1), date(2024, 12, 31)),
    performance=(date(2025, 1, 1), date(2025, 12, 31)),
)
# Visits a person and year; shares of the market and of the older, sicker panel.
_CELLS: tuple[tuple[Cell, float, float, float], ...] = tuple(
    (Cell(age, sex, tier), rate * sicker, of_market * with_tier, of_panel * tier_of_panel)
    for age, rate, of_market, of_panel in (
        (6, 0.16, 0.20, 0.14),
        (25, 0.20, 0.25, 0.22),
        (45, 0.18, 0.35, 0.38),
        (65, 0.26, 0.20, 0.26),
    )
    for sex in ("F", "M")
    for tier, sicker, with_tier, tier_of_panel in ((0, 0.9, 0.40, 0.35), (1, 1.6, 0.10, 0.15))
)


@dataclass(frozen=True)
class StudyCell:
    """One cell of the grid; `effect` is planted, 1 means none."""

    panel_persons: int
    dispersion: float
    group_spread: float
    is_confounded: bool
    effect: float = 1.0


@dataclass(frozen=True)
class StudyResult:
    """What became of a cell's worlds; shares of 1, bias in percent of the planted ratio.

    `expected` is the planted effect times the panel's own group effect and what the confounder
    does: what a correct method estimates. `coverage_error` is the Monte Carlo standard error.
    """

    cell: StudyCell
    worlds: int
    coverage_planted: float
    coverage_expected: float
    coverage_quasi_expected: float
    coverage_error: float
    bias_planted_percent: float
    bias_expected_percent: float
    lower: float
    higher: float
    insufficient: float


def worlds_of(cell: StudyCell, worlds: int = WORLDS) -> int:
    """All worlds where coverage must be right, a tenth of them where it is known not to be."""
    return worlds if not cell.group_spread and not cell.is_confounded else max(worlds // 10, 1)


def grid() -> list[StudyCell]:
    """Every panel size, dispersion, group spread and confounder without effect; some with −7 %."""
    none = [
        StudyCell(size, dispersion, spread, is_confounded)
        for is_confounded in (False, True)
        for spread in GROUP_SPREADS
        for dispersion in DISPERSIONS
        for size in PANEL_SIZES
    ]
    planted = [
        StudyCell(size, dispersion, 0.0, False, 0.93)
        for dispersion in DISPERSIONS
        for size in PANEL_SIZES
    ]
    return none + planted


def run_cell(
    cell: StudyCell, worlds: int = WORLDS, draws: int = DRAWS, seed: int = SEED
) -> StudyResult:
    """Draw the cell's worlds and state each; equal arguments give equal results."""
    spread_key = round(1000 * cell.group_spread)
    keys = [seed, cell.panel_persons, round(10 * cell.dispersion), spread_key]
    random = np.random.default_rng([*keys, int(cell.is_confounded), round(100 * cell.effect)])
    terms = ErComparisonTerms(**{**vars(_TERMS), "bootstrap_draws": draws})
    counts = dict.fromkeys(("planted", "expected", "quasi", "lower", "higher", INSUFFICIENT), 0)
    logs: list[tuple[float, float]] = []
    drawn = Draws()
    for world in range(worlds):
        group_effect = float(np.exp(random.normal(0.0, cell.group_spread)))
        expected = cell.effect * group_effect * confounded_ratio(cell.is_confounded)
        seeded = ErComparisonTerms(
            **{**vars(terms), "bootstrap_seed": seed + world % _BOOTSTRAP_SEEDS}
        )
        row = _stated(_world(cell, group_effect, random), seeded, drawn)
        if row.verdict in counts:
            counts[row.verdict] += 1
        if (
            row.sir is None
            or row.bootstrap_lower is None
            or row.bootstrap_upper is None
            or row.quasi_lower is None
            or row.quasi_upper is None
        ):
            continue
        counts["planted"] += row.bootstrap_lower <= cell.effect <= row.bootstrap_upper
        counts["expected"] += row.bootstrap_lower <= expected <= row.bootstrap_upper
        counts["quasi"] += row.quasi_lower <= expected <= row.quasi_upper
        logs.append((np.log(row.sir / cell.effect), np.log(row.sir / expected)))
    biases = 100 * np.expm1(np.mean(logs, axis=0)) if logs else np.full(2, np.nan)
    covered = counts["expected"] / worlds
    return StudyResult(
        cell=cell,
        worlds=worlds,
        coverage_planted=counts["planted"] / worlds,
        coverage_expected=covered,
        coverage_quasi_expected=counts["quasi"] / worlds,
        coverage_error=sqrt(max(covered * (1 - covered), 0.05 * 0.95) / worlds),
        bias_planted_percent=float(biases[0]),
        bias_expected_percent=float(biases[1]),
        lower=counts["lower"] / worlds,
        higher=counts["higher"] / worlds,
        insufficient=counts[INSUFFICIENT] / worlds,
    )


def confounded_ratio(is_confounded: bool) -> float:
    """How much larger the panel's rate is for a reason nobody measured."""
    if not is_confounded:
        return 1.0
    panel, market = (
        1 + _CONFOUNDED_SHARE[side] * (_CONFOUNDER - 1) for side in (PANEL, ATTRIBUTED_ELSEWHERE)
    )
    return panel / market


def _world(cell: StudyCell, group_effect: float, random: np.random.Generator) -> Populations:
    """Panel and market; of each place the number of people with 0, 1, 2, … visits."""
    sides = (
        (PANEL, cell.panel_persons, cell.effect * group_effect),
        (ATTRIBUTED_ELSEWHERE, MARKET_TIMES * cell.panel_persons, 1.0),
    )
    populations = {}
    for comparison, persons, times in sides:
        shares = np.array([one[3 if comparison == PANEL else 2] for one in _CELLS])
        of_cells = random.multinomial(persons, shares / shares.sum())
        people = random.multinomial(of_cells, _visit_chances(times, cell, comparison))
        place, visits = np.nonzero(people)
        unit = Unit(_PROGRAM, _PROGRAM, None)
        populations[Population(unit, PERFORMANCE, comparison)] = Patterns(
            cells=tuple(one[0] for one in _CELLS),
            cell=place,
            member_months=np.full(len(place), 12),
            visits=visits,
            persons=people[place, visits],
        )
    return populations


@lru_cache(maxsize=64)
def _visit_chances(times: float, cell: StudyCell, comparison: str) -> npt.NDArray[np.float64]:
    """Chance of 0, 1, 2, … visits a year of each place; some people have the confounder."""
    share = _CONFOUNDED_SHARE[comparison] if cell.is_confounded else 0.0
    rates = np.array([[times * rate] for _, rate, _, _ in _CELLS])
    visits = np.arange(_MOST_VISITS)[None, :]
    mixed = (1 - share) * _pmf(visits, rates, cell.dispersion)
    if share:
        mixed = mixed + share * _pmf(visits, rates * _CONFOUNDER, cell.dispersion)
    found: npt.NDArray[np.float64] = mixed / mixed.sum(axis=1, keepdims=True)
    return found


def _pmf(
    visits: npt.NDArray[np.int64], mean: npt.NDArray[np.float64], dispersion: float
) -> npt.NDArray[np.float64]:
    """Poisson, or with gamma frailty negative binomial with variance dispersion × mean."""
    if dispersion <= 1:
        return np.asarray(poisson.pmf(visits, mean))
    size = mean / (dispersion - 1)
    return np.asarray(nbinom.pmf(visits, size, 1 / dispersion))


def _stated(populations: Populations, terms: ErComparisonTerms, drawn: Draws) -> ErUseRow:
    rows = compare_er_use(populations, {_PROGRAM: terms}, "2026-06", drawn=drawn)
    return next(
        row
        for row in rows
        if (row.period_role, row.market_basis) == (PERFORMANCE, ATTRIBUTED_ELSEWHERE)
    )
