"""Simulated worlds without any savings through the functions that pay: how often is money paid?

A person's cost of two years is drawn from one correlated, capped, heavy-tailed distribution in
classes, so that the number of people in each pair of classes is multinomial. The panel's trend is
the market's times its own group effect. ER use is studied in `outcomes/study.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from functools import lru_cache
from math import sqrt

import numpy as np
import numpy.typing as npt

from orchestration.outcomes.risk import CostExposure, RiskCell
from orchestration.payment.costs import (
    BASELINE,
    MARKET,
    PANEL,
    PERFORMANCE,
    CostPattern,
    CostSpread,
)
from orchestration.payment.settlement import Evidence, settle_programs
from orchestration.payment.shared_savings import Quality
from orchestration.payment.terms import MsrType, SettlementTerms

PANEL_SIZES = (3_300, 12_000, 30_000)
GROUP_SPREADS = (0.0, 0.03, 0.05)
MSR_TYPES: tuple[MsrType, ...] = ("sliding", "fixed", "statistical")
MARKET_TIMES = 4
TREND = 0.055

_MEAN, _SIGMA, _LATENT = 4_800.0, 1.6, 0.6
_CAP_CENTS = 10_000_000
_SAMPLE = 2_000_000
_TERMS = SettlementTerms(
    program_id="p",
    program_name="A group",
    baseline_start_date=date(2024, 1, 1),
    baseline_end_date=date(2024, 12, 31),
    performance_start_date=date(2025, 1, 1),
    performance_end_date=date(2025, 12, 31),
    # The fee would be counted as cost: it is left out, so that true savings are zero exactly.
    fee_netting="none",
)

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class PaymentResult:
    """Worlds without savings: how often money was paid, and how often chance looked unlikely.

    `tail` is the share of worlds whose "probability if true savings were zero" was at most 5 %;
    `cost_variation` and `cost_correlation` are the drawn people's.
    """

    panel_persons: int
    group_spread: float
    msr_type: MsrType
    worlds: int
    paid: float
    mean_paid_percent: float
    tail: float
    cost_variation: float
    cost_correlation: float


def run_payment_cell(
    panel_persons: int, group_spread: float, worlds: int, seed: int
) -> list[PaymentResult]:
    """One result a kind of minimum savings rate, all of the same worlds."""
    random = np.random.default_rng([seed, panel_persons, round(1000 * group_spread)])
    chances, base, after = _people(seed)
    paid: dict[MsrType, list[float]] = {kind: [] for kind in MSR_TYPES}
    tails = 0
    spreads = []
    for _ in range(worlds):
        own = float(np.exp(random.normal(0.0, group_spread)))
        panel = random.multinomial(panel_persons, chances)
        market = random.multinomial(MARKET_TIMES * panel_persons, chances)
        costs = [
            np.minimum(np.rint(one), _CAP_CENTS)
            for one in (base, after * (1 + TREND) * own, after * (1 + TREND))
        ]
        spread = _spread(panel, costs[0], costs[1])
        spreads.append((spread.variation, spread.correlation or 0.0))
        patterns = [
            _pattern(PANEL, BASELINE, panel, costs[0]),
            _pattern(PANEL, PERFORMANCE, panel, costs[1]),
            _pattern(MARKET, BASELINE, market, costs[0]),
            _pattern(MARKET, PERFORMANCE, market, costs[2]),
        ]
        evidence = Evidence(patterns, {"p": Quality(Decimal(1), Decimal(1))}, {"p": spread})
        for kind in MSR_TYPES:
            terms = {"p": replace(_TERMS, msr_type=kind)}
            (row,) = settle_programs(evidence, terms, "2026-06").rows
            share = 100 * row.payment_amount / (row.benchmark_amount or Decimal(1))
            paid[kind].append(float(share))
            if kind == "sliding" and row.probability_if_no_savings is not None:
                tails += row.probability_if_no_savings <= 0.05
    variation, correlation = np.mean(spreads, axis=0)
    return [
        PaymentResult(
            panel_persons=panel_persons,
            group_spread=group_spread,
            msr_type=kind,
            worlds=worlds,
            paid=float(np.mean([one > 0 for one in paid[kind]])),
            mean_paid_percent=float(np.mean(paid[kind])),
            tail=tails / worlds,
            cost_variation=float(variation),
            cost_correlation=float(correlation),
        )
        for kind in MSR_TYPES
    ]


def worlds_of(worlds: int) -> int:
    """Half of the worlds of ER use: a share of 5 % is then known to 0.5 points."""
    return max(worlds // 2, 1)


def error_of(share: float, worlds: int) -> float:
    """Monte Carlo standard error of a share."""
    return sqrt(max(share * (1 - share), 1 / worlds) / worlds)


@lru_cache(maxsize=2)
def _people(seed: int) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Chance of each pair of cost classes, and the cents of each in the two years."""
    random = np.random.default_rng([seed, 7])
    latent = random.standard_normal((2, _SAMPLE))
    latent[1] = _LATENT * latent[0] + sqrt(1 - _LATENT**2) * latent[1]
    cents = np.minimum(100 * _MEAN * np.exp(_SIGMA * latent - _SIGMA**2 / 2), float(_CAP_CENTS))
    edges = np.concatenate(
        [np.linspace(0, 0.9, 19), [0.92, 0.94, 0.96, 0.97, 0.98, 0.985, 0.99, 0.994, 0.997, 0.999]]
    )
    cuts = np.quantile(cents[0], edges[1:])
    classes = [np.searchsorted(cuts, year, side="right") for year in cents]
    count = len(cuts) + 1
    values = np.stack(
        [
            np.bincount(of_year, weights=year, minlength=count)
            / np.maximum(np.bincount(of_year, minlength=count), 1)
            for of_year, year in zip(classes, cents, strict=True)
        ]
    )
    chances = np.bincount(classes[0] * count + classes[1], minlength=count**2) / _SAMPLE
    first, second = np.divmod(np.arange(count**2), count)
    return chances, values[0][first], values[1][second]


def _pattern(side: str, role: str, people: npt.NDArray[np.int64], cents: FloatArray) -> CostPattern:
    persons = int(people.sum())
    exposure = CostExposure(
        RiskCell(35, "F"), frozenset(), 12 * persons, round(float(people @ cents))
    )
    return CostPattern("p", role, side, persons, exposure)


def _spread(people: npt.NDArray[np.int64], base: FloatArray, after: FloatArray) -> CostSpread:
    persons = people.sum()
    means = [float(people @ one) / persons for one in (base, after)]
    centred: Sequence[FloatArray] = [
        one - mean for one, mean in zip((base, after), means, strict=True)
    ]
    variances = [float(people @ one**2) / (persons - 1) for one in centred]
    joint = float(people @ (centred[0] * centred[1])) / (persons - 1)
    return CostSpread(sqrt(variances[1]) / means[1], joint / sqrt(variances[0] * variances[1]))
