"""Plants cost trends on realised cost: one recorded factor per program, applied to its own lines.

The trend of a panel against its market depends on chance far more than on the plant (at 3,300
members by more than 4 %), so the factor is solved for after simulation, never by choosing a seed.
"""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from orchestration.simulator.attribution import BASELINE, ELSEWHERE, PERFORMANCE, Panels
from orchestration.simulator.claims import Claims, Lines
from orchestration.simulator.config import EFFECT_START_DAY, NON_PROGRAM, SimulationConfig
from orchestration.simulator.pharmacy import Fills
from orchestration.simulator.population import MONTH_STARTS, Population
from orchestration.simulator.providers import Providers

Numbers = NDArray[np.int64]
Amounts = NDArray[np.float64]

RIDGE = 50.0
RISK_CAP = 0.03
FIRST_MONTH = 12
PASSES = 3


@dataclass(frozen=True)
class CostResult:
    """What the pipeline's method finds for one program with the factor applied."""

    program_id: str
    factor: float
    planted_trend_difference: float
    market_trend: float
    risk_ratio: float
    baseline_pmpm: float
    benchmark_pmpm: float
    actual_pmpm: float
    average_members: float
    gross_savings_share: float
    net_savings_share: float


@dataclass(frozen=True)
class _Costs:
    """Person × 24 months: all allowed cents, and the part a program's factor scales."""

    total: Amounts
    scaled: Amounts
    label: NDArray[np.int16]


def calibrate(
    config: SimulationConfig,
    providers: Providers,
    people: Population,
    claims: Claims,
    lines: Lines,
    fills: Fills,
    panels: Panels,
) -> list[CostResult]:
    """Scale the performance-year cents of every program's true members in place; tell factors."""
    with ThreadPoolExecutor(config.threads) as workers:
        of_lines = workers.submit(_line_services, providers, people, claims, lines)
        of_fills = workers.submit(_fill_services, providers, people, fills)
    services = (of_lines.result(), of_fills.result())
    costs = _summed(len(people), services)
    results: list[CostResult] = []
    first = 0
    for number, market in enumerate(config.markets):
        rows = np.flatnonzero(people.market == number)
        programs = range(first, first + len(market.programs))
        results += _calibrate_market(config, _slice(panels, costs, rows), programs)
        first = programs.stop
    factors = np.array([result.factor for result in results])
    for cents, found in zip((lines.cents, fills.cents), services, strict=True):
        own = np.flatnonzero(found.program != NON_PROGRAM)
        factor = factors[found.program[own]]
        cents[own] = np.maximum(np.rint(cents[own] * factor), 1).astype(np.int32)
    return results


@dataclass(frozen=True)
class _Services:
    """Claim lines or fills: the program that scales each, and cents by person and month.

    `scaled_month` and `scaled_by` tell the person-months that have a scaled part, and whose.
    """

    program: NDArray[np.int16]
    total: Amounts
    scaled: Amounts
    scaled_month: Numbers
    scaled_by: NDArray[np.int16]


def _line_services(
    providers: Providers, people: Population, claims: Claims, lines: Lines
) -> _Services:
    person = claims.person[lines.claim].astype(np.int64)
    day = claims.from_day[lines.claim].astype(np.int64) + lines.day_offset
    return _services(providers, people, person, day, np.where(lines.is_denied, 0, lines.cents))


def _fill_services(providers: Providers, people: Population, fills: Fills) -> _Services:
    person, day = fills.person.astype(np.int64), fills.day.astype(np.int64)
    return _services(providers, people, person, day, fills.cents)


def _services(
    providers: Providers,
    people: Population,
    person: Numbers,
    day: Numbers,
    cents: NDArray[np.int32],
) -> _Services:
    program = _scaled_program(providers, people, person, day)
    first, end = MONTH_STARTS[FIRST_MONTH], MONTH_STARTS[FIRST_MONTH + 24]
    used = np.flatnonzero((day >= first) & (day < end))
    month = np.searchsorted(MONTH_STARTS, day[used], side="right") - 1 - FIRST_MONTH
    key, label = person[used] * 24 + month, program[used]
    spent = cents[used]
    own = np.flatnonzero(label != NON_PROGRAM)
    size = len(people) * 24
    return _Services(
        program,
        np.bincount(key, spent, size).astype(np.float64),
        np.bincount(key[own], spent[own], size).astype(np.float64),
        key[own],
        label[own],
    )


def _scaled_program(
    providers: Providers, people: Population, person: Numbers, day: Numbers
) -> NDArray[np.int16]:
    """Program whose factor scales a service: the true one, from month 25 on."""
    out = np.full(len(person), NON_PROGRAM, dtype=np.int16)
    late = np.flatnonzero(day >= EFFECT_START_DAY)
    out[late] = people.true_program(providers, person[late], day[late])
    return out


def _summed(people: int, services: tuple[_Services, ...]) -> _Costs:
    label = np.full(people * 24, NON_PROGRAM, dtype=np.int16)
    for found in services:
        label[found.scaled_month] = found.scaled_by
    shape = (people, 24)
    return _Costs(
        np.sum([found.total for found in services], axis=0).reshape(shape),
        np.sum([found.scaled for found in services], axis=0).reshape(shape),
        label.reshape(shape),
    )


@dataclass(frozen=True)
class _Market:
    """One market's members: panels and costs."""

    panels: Panels
    costs: _Costs


def _slice(panels: Panels, costs: _Costs, rows: Numbers) -> _Market:
    return _Market(
        Panels(**{item.name: getattr(panels, item.name)[rows] for item in fields(Panels)}),
        _Costs(**{item.name: getattr(costs, item.name)[rows] for item in fields(_Costs)}),
    )


@dataclass(frozen=True)
class _Group:
    """One population of a period: months and truncated cents per person, with its risk cells.

    `fixed` and `scaled` are untruncated: cost beside and under the factor being solved for.
    """

    months: Amounts
    cents: Amounts
    cell: Numbers
    tier: Numbers
    fixed: Amounts
    scaled: Amounts

    @property
    def pmpm(self) -> float:
        return float(self.cents.sum() / self.months.sum()) if self.months.sum() else 0.0


def _group(
    config: SimulationConfig,
    market: _Market,
    period: int,
    wanted: int,
    factors: Amounts,
    solved: int = NON_PROGRAM,
) -> _Group:
    """Members whose months are attributed to `wanted`; `solved` is the program being solved for."""
    panels, costs = market.panels, market.costs
    columns = slice(period * 12, period * 12 + 12)
    inside = (panels.program[:, columns] == wanted) & panels.counts[:, columns]
    if wanted == ELSEWHERE:
        inside &= panels.in_market[:, None]
    months = inside.sum(axis=1)
    rows = np.flatnonzero(months)
    inside = inside[rows]
    label, part = costs.label[rows, columns], costs.scaled[rows, columns] * inside
    factor = np.where(label == NON_PROGRAM, 1.0, factors[label])
    whole = (costs.total[rows, columns] * inside + part * (factor - 1.0)).sum(axis=1)
    own = np.where(label == solved, part, 0.0).sum(axis=1) if solved >= 0 else np.zeros(len(rows))
    return _Group(
        months[rows].astype(float),
        np.minimum(whole, config.truncation_cents),
        panels.risk_cell[rows, period],
        panels.condition_tier[rows, period],
        whole - own * (factors[solved] if solved >= 0 else 0.0),
        own,
    )


def _risk_scores(market: _Group, others: tuple[_Group, ...]) -> tuple[float, ...]:
    """Mean score of each group by the fit on the market (G.3: cells, condition flags, ridge)."""
    cells = int(max(g.cell.max(initial=0) for g in (market, *others))) + 1
    weight = market.months / 12
    relative = market.cents / market.months * 12 / (market.pmpm * 12)
    size = cells + 3
    normal, right = np.zeros((size, size)), np.zeros(size)
    for tier in range(4):
        mine = market.tier == tier
        in_cell = np.bincount(market.cell[mine], weight[mine], cells)
        cost = np.bincount(market.cell[mine], (weight * relative)[mine], cells)
        normal[np.arange(cells), np.arange(cells)] += in_cell
        right[:cells] += cost
        if tier:
            column = cells + tier - 1
            normal[column, column] += in_cell.sum()
            normal[:cells, column] += in_cell
            normal[column, :cells] += in_cell
            right[column] += cost.sum()
    normal[range(cells, size), range(cells, size)] += RIDGE
    empty = np.flatnonzero(np.diag(normal) == 0)
    normal[empty, empty] = 1.0
    solution = np.linalg.solve(normal, right)
    solution[empty] = right.sum() / weight.sum()
    flags = np.concatenate(([0.0], np.maximum(solution[cells:], 0)))

    def mean(group: _Group) -> float:
        score = solution[group.cell] + flags[group.tier]
        return float((score * group.months).sum() / group.months.sum())

    base = mean(market)
    return tuple(mean(group) / base if group.months.sum() else 1.0 for group in others)


def _calibrate_market(
    config: SimulationConfig, market: _Market, programs: range
) -> list[CostResult]:
    """Factors of one market's programs; each pass sees the others' factors of the pass before."""
    factors = np.ones(len(config.programs))
    none = np.ones(len(config.programs))
    base_market = _group(config, market, BASELINE, ELSEWHERE, none)
    if not base_market.months.sum():
        return [_unplanted(config, program) for program in programs]
    base_panels = {p: _group(config, market, BASELINE, p, none) for p in programs}
    base_risk = dict(
        zip(programs, _risk_scores(base_market, tuple(base_panels.values())), strict=True)
    )
    results: list[CostResult] = []
    for _ in range(PASSES):
        now_market = _group(config, market, PERFORMANCE, ELSEWHERE, factors)
        now_panels = {
            p: _group(config, market, PERFORMANCE, p, factors, solved=p) for p in programs
        }
        now_risk = _risk_scores(now_market, tuple(now_panels.values()))
        trend = now_market.pmpm / base_market.pmpm
        results = []
        for program, risk in zip(programs, now_risk, strict=True):
            base, now = base_panels[program], now_panels[program]
            if not base.pmpm or not now.pmpm:
                results.append(_unplanted(config, program))
                continue
            ratio = min(max(risk / base_risk[program], 1 - RISK_CAP), 1 + RISK_CAP)
            benchmark = base.pmpm * trend * ratio
            effect = config.programs[program].effects.trend_difference
            factor, actual = _solve(config, now, benchmark * (1 - effect / trend))
            factors[program] = factor
            results.append(
                CostResult(
                    program_id=config.programs[program].program_id,
                    factor=factor,
                    planted_trend_difference=effect,
                    market_trend=trend - 1,
                    risk_ratio=ratio,
                    baseline_pmpm=base.pmpm / 100,
                    benchmark_pmpm=benchmark / 100,
                    actual_pmpm=actual / 100,
                    average_members=float(now.months.sum() / 12),
                    gross_savings_share=1 - actual / benchmark,
                    net_savings_share=1 - (actual + config.fee_pmpm_cents) / benchmark,
                )
            )
    return results


def _solve(config: SimulationConfig, panel: _Group, target_pmpm: float) -> tuple[float, float]:
    """Factor at which the panel's truncated cost meets its plant, and the PMPM it reaches."""
    months = float(panel.months.sum())
    low, high = 0.3, 3.0
    reached = panel.pmpm
    for _ in range(50):
        middle = (low + high) / 2
        cost = np.minimum(panel.fixed + middle * panel.scaled, config.truncation_cents)
        reached = float(cost.sum()) / months
        low, high = (middle, high) if reached < target_pmpm else (low, middle)
    return (low + high) / 2, reached


def _unplanted(config: SimulationConfig, program: int) -> CostResult:
    """A program too small to have a market or a baseline: factor 1, nothing to state."""
    effect = config.programs[program].effects.trend_difference
    name = config.programs[program].program_id
    return CostResult(name, 1.0, effect, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
