"""Benchmark, minimum savings rate, eligibility and payment (METHODS I.1–I.5).

Everything that decides money is here and exact: amounts are cents, rates and scores are fractions.
Reading the warehouse and laying out the result do not belong here (`settlement.py`).
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from fractions import Fraction

from orchestration.payment.money import cents_of, rounded, whole_cents
from orchestration.payment.terms import SettlementTerms

PANEL_TOO_SMALL = "PANEL_TOO_SMALL"
INCOMPLETE_CLAIMS = "INCOMPLETE_CLAIMS"
REPORTING_FAILED = "REPORTING_FAILED"
QUALITY_GATE = "QUALITY_GATE"
NO_SAVINGS = "NO_SAVINGS"
BELOW_MSR = "BELOW_MSR"
CAP_APPLIED = "CAP_APPLIED"
TERMINATED = "TERMINATED"
# Not in I.4: without a baseline or a market there is nothing to measure savings from.
NO_BENCHMARK = "NO_BENCHMARK"

REASONS_IN_ORDER = (
    PANEL_TOO_SMALL,
    INCOMPLETE_CLAIMS,
    REPORTING_FAILED,
    QUALITY_GATE,
    NO_SAVINGS,
    BELOW_MSR,
    CAP_APPLIED,
    TERMINATED,
    NO_BENCHMARK,
)
INFORMATIONAL_REASONS = frozenset({CAP_APPLIED})

SLIDING_MSR_POINTS: tuple[tuple[int, Decimal], ...] = (
    (500, Decimal("12.2")),
    (1_000, Decimal("8.7")),
    (3_000, Decimal("5.0")),
    (5_000, Decimal("3.9")),
    (6_000, Decimal("3.6")),
    (7_000, Decimal("3.4")),
    (8_000, Decimal("3.2")),
    (9_000, Decimal("3.1")),
    (10_000, Decimal("3.0")),
    (15_000, Decimal("2.7")),
    (20_000, Decimal("2.5")),
    (50_000, Decimal("2.2")),
    (60_000, Decimal("2.0")),
)

_SCORE_PLACES = 12


@dataclass(frozen=True)
class CostPeriod:
    """Truncated allowed cost of one population and period, with its mean risk score."""

    truncated_cents: int
    member_months: int
    risk_score: Fraction

    @property
    def pmpm_cents(self) -> Fraction:
        return Fraction(self.truncated_cents, self.member_months)

    @property
    def risk_adjusted_pmpm_cents(self) -> Fraction:
        return self.pmpm_cents / self.risk_score


BaseYear = tuple[CostPeriod | None, CostPeriod | None]
"""Cost of the panel and of the market in one base year."""


@dataclass(frozen=True)
class Benchmark:
    """The benchmark and the steps to it (I.2); `risk_ratio` before, `risk_ratio_applied` capped.

    Factor and ratios are those from the baseline year; they are None where a concurrent-market
    benchmark had no baseline to take them from. `steps` lead from a base to the benchmark, each the
    PMPM cents reached: own cost of the base years, after the market's trend, after risk, after the
    blend; the last is the benchmark as rounded by the contract.
    """

    pmpm_cents: Fraction
    market_trend_factor: Fraction | None
    risk_ratio: Fraction | None
    risk_ratio_applied: Fraction | None
    steps: tuple[tuple[str, Fraction], ...] = ()


@dataclass(frozen=True)
class Quality:
    """Reported or computed quality: composite score (J.3) and share of the weight scored."""

    score: Decimal
    weight_scored: Decimal


@dataclass(frozen=True)
class Settlement:
    """What follows from benchmark, actual cost and quality; money in cents.

    `earned − withheld − cap_reduction − fee_offset = payment`, to the cent. `loss_payment` is owed
    by the group; at most one of the two payments is not 0.
    """

    fee_in_cost_cents: int
    benchmark_cents: int
    actual_cents: int
    savings_cents: int
    savings_share: Fraction | None
    minimum_savings_rate: Fraction
    failed_reasons: tuple[str, ...]
    is_eligible: bool
    shareable_cents: int
    sharing_rate: Fraction
    earned_cents: int
    withheld_cents: int
    cap_reduction_cents: int
    fee_offset_cents: int
    payment_cents: int
    loss_payment_cents: int


def exact_score(score: Fraction) -> Fraction:
    """A risk score as it enters a benchmark and is published: twelve decimals, half up."""
    return Fraction(rounded(score, _SCORE_PLACES))


def sliding_msr(average_members: Fraction) -> Fraction:
    """Medicare's one-sided minimum savings rate as a share of 1, straight between points (I.3).

    Below 500 members the rate of 500 stands (the panel is too small in any case), from 60,000 it
    stays at 2 %.
    """
    points = [(Fraction(members), Fraction(percent)) for members, percent in SLIDING_MSR_POINTS]
    if average_members <= points[0][0]:
        return points[0][1] / 100
    for (low, at_low), (high, at_high) in itertools.pairwise(points):
        if average_members <= high:
            share = (average_members - low) / (high - low)
            return (at_low + (at_high - at_low) * share) / 100
    return points[-1][1] / 100


def benchmark(
    terms: SettlementTerms,
    panel_baseline: CostPeriod | None,
    panel_performance: CostPeriod | None,
    market_baseline: CostPeriod | None,
    market_performance: CostPeriod | None,
    earlier_years: Sequence[BaseYear] = (),
) -> Benchmark | None:
    """Benchmark PMPM: own baseline × market trend × capped risk ratio, or the market's (I.2).

    With several base years (`earlier_years` oldest first) each is brought to the performance year
    by its own trend and risk, then they are weighted by `base_weights`. Rounded half up to the cent
    before use unless `benchmark_rounding` is `none`. The panel's own performance cost is not looked
    at, only its risk. None when a population it needs is missing: the baselines only for a
    benchmark from own history.
    """
    if panel_performance is None or market_performance is None:
        return None
    of_market = market_performance.risk_adjusted_pmpm_cents * panel_performance.risk_score
    years = [
        _brought_forward(terms, panel, market, panel_performance, market_performance)
        for panel, market in (*earlier_years, (panel_baseline, market_baseline))
    ]
    newest = years[-1]
    steps: list[tuple[str, Fraction]]
    if terms.benchmark_method == "concurrent_market":
        pmpm = of_market
        steps = [
            ("market_cost", market_performance.risk_adjusted_pmpm_cents),
            ("risk", of_market),
        ]
    else:
        known = [year for year in years if year is not None]
        if len(known) < len(years) or len(years) != len(terms.base_weights):
            return None
        weighted = list(zip(map(Fraction, terms.base_weights), known, strict=True))
        own_history = sum((weight * year.adjusted for weight, year in weighted), Fraction(0))
        blend = Fraction(terms.blend)
        pmpm = (1 - blend) * own_history + blend * of_market
        steps = [
            ("base_cost", sum((weight * year.own for weight, year in weighted), Fraction(0))),
            ("trend", sum((weight * year.trended for weight, year in weighted), Fraction(0))),
            ("risk", own_history),
            *([("blend", pmpm)] if blend else []),
        ]
    if terms.benchmark_rounding == "cent":
        pmpm = Fraction(whole_cents(pmpm))
    steps[-1] = (steps[-1][0], pmpm)
    return Benchmark(
        pmpm,
        newest.trend_factor if newest else None,
        newest.risk_ratio if newest else None,
        newest.risk_ratio_applied if newest else None,
        tuple(steps),
    )


@dataclass(frozen=True)
class _YearForward:
    """One base year's own PMPM cents, after the market's trend, and after capped risk."""

    own: Fraction
    trend_factor: Fraction
    risk_ratio: Fraction
    risk_ratio_applied: Fraction

    @property
    def trended(self) -> Fraction:
        return self.own * self.trend_factor

    @property
    def adjusted(self) -> Fraction:
        return self.trended * self.risk_ratio_applied


def _brought_forward(
    terms: SettlementTerms,
    panel: CostPeriod | None,
    market: CostPeriod | None,
    panel_performance: CostPeriod,
    market_performance: CostPeriod,
) -> _YearForward | None:
    if panel is None or market is None:
        return None
    ratio = panel_performance.risk_score / panel.risk_score
    cap = Fraction(terms.risk_cap)
    return _YearForward(
        own=panel.pmpm_cents,
        trend_factor=(
            market_performance.risk_adjusted_pmpm_cents / market.risk_adjusted_pmpm_cents
        ),
        risk_ratio=ratio,
        risk_ratio_applied=min(max(ratio, 1 - cap), 1 + cap),
    )


def trend(baseline: CostPeriod, performance: CostPeriod) -> Fraction:
    """Risk-adjusted PMPM of the performance year over the baseline's, minus 1 (I.1)."""
    return performance.risk_adjusted_pmpm_cents / baseline.risk_adjusted_pmpm_cents - 1


def is_run_out_complete(claims_through_period: str, period_end: date, runout_months: int) -> bool:
    """Whether claims are there through the month `runout_months` after the period's last month."""
    year, month = claims_through_period.split("-")
    return 12 * int(year) + int(month) >= 12 * period_end.year + period_end.month + runout_months


def settle(
    terms: SettlementTerms,
    *,
    average_members: Fraction,
    benchmark_cents: Fraction | None,
    actual_cents: int,
    fee_cents: int,
    quality: Quality | None,
    is_claims_complete: bool,
    minimum_savings_rate: Fraction | None = None,
) -> Settlement:
    """Savings, every failed reason in the order of I.4, and the payment either way (I.3–I.5).

    `benchmark_cents` is the benchmark of all member months (None when there is none);
    `minimum_savings_rate` is needed for `msr_type = statistical` only. Every condition is judged by
    itself: no savings is also below a positive MSR. A gain is paid only without a blocking reason;
    a loss of a two-sided contract is owed in spite of them. Raises ValueError for a statistical
    MSR that is not given.
    """
    msr = _minimum_savings_rate(terms, average_members, minimum_savings_rate)
    fee_in_cost = fee_cents if terms.fee_netting == "as_cost" else 0
    failed = set(_failed_before_savings(terms, average_members, quality, is_claims_complete))
    net = Fraction(0)
    share: Fraction | None = None
    if benchmark_cents is None or benchmark_cents <= 0:
        failed.add(NO_BENCHMARK)
    else:
        net = benchmark_cents - actual_cents - fee_in_cost
        share = net / benchmark_cents
        if net <= 0:
            failed.add(NO_SAVINGS)
        if share < msr:
            failed.add(BELOW_MSR)
    total = benchmark_cents or Fraction(0)

    shareable = Fraction(0)
    if share is not None and share > 0 and share >= msr:
        shareable = net if terms.first_dollar else net - msr * total
    sharing_rate = Fraction(0)
    if quality is not None and not failed & {REPORTING_FAILED, QUALITY_GATE}:
        sharing_rate = Fraction(terms.max_rate)
        if terms.sharing_form == "quality_scaled":
            sharing_rate *= Fraction(quality.score)

    # One exact amount is carried through; each published step is rounded, its part is the
    # difference of two steps, so the parts always add up to the payment.
    is_blocked = bool(failed - INFORMATIONAL_REASONS)
    earned = Fraction(0) if is_blocked else shareable * sharing_rate
    after_withhold = earned * (1 - Fraction(terms.admin_withhold))
    after_cap = min(after_withhold, Fraction(terms.cap) * total)
    if after_cap < after_withhold:
        failed.add(CAP_APPLIED)
    after_offset = after_cap
    if terms.fee_netting == "offset":
        after_offset = max(after_cap - fee_cents, Fraction(0))
    steps = [whole_cents(step) for step in (earned, after_withhold, after_cap, after_offset)]

    benchmark_total = whole_cents(total)
    return Settlement(
        fee_in_cost_cents=fee_in_cost,
        benchmark_cents=benchmark_total,
        actual_cents=actual_cents,
        savings_cents=0 if share is None else benchmark_total - actual_cents - fee_in_cost,
        savings_share=share,
        minimum_savings_rate=msr,
        failed_reasons=tuple(reason for reason in REASONS_IN_ORDER if reason in failed),
        is_eligible=not is_blocked,
        shareable_cents=whole_cents(shareable),
        sharing_rate=sharing_rate,
        earned_cents=steps[0],
        withheld_cents=steps[0] - steps[1],
        cap_reduction_cents=steps[1] - steps[2],
        fee_offset_cents=steps[2] - steps[3],
        payment_cents=steps[3],
        loss_payment_cents=_loss_payment(terms, share, net, total, msr),
    )


def coordination_fee_cents(
    terms: SettlementTerms, member_months: int, quality: Quality | None = None
) -> int:
    """Care coordination fee of the performance year: rate × member months × results (I.5)."""
    return whole_cents(cents_of(terms.fee_pmpm) * member_months * fee_scale(terms, quality))


def fee_scale(terms: SettlementTerms, quality: Quality | None) -> Fraction:
    """The share of the fee that is paid: all of it unless the contract scales it by results.

    A program's first performance year is paid in full on its planned results where the contract
    says `planned`; a year whose results are not reported has none to be paid for.
    """
    if not terms.fee_scaled_by_results:
        return Fraction(1)
    if terms.is_first_year and terms.fee_first_year == "planned":
        return Fraction(1)
    return Fraction(0) if quality is None else Fraction(quality.score)


def _minimum_savings_rate(
    terms: SettlementTerms, average_members: Fraction, statistical: Fraction | None
) -> Fraction:
    if terms.msr_type == "fixed":
        return Fraction(terms.msr_fixed)
    if terms.msr_type == "sliding":
        return sliding_msr(average_members)
    if statistical is None:
        raise ValueError(
            f"{terms.program_id}: msr_type 'statistical' needs a standard error of savings, which "
            "needs members with cost in the period. Choose sliding or fixed."
        )
    return statistical


def _failed_before_savings(
    terms: SettlementTerms,
    average_members: Fraction,
    quality: Quality | None,
    is_claims_complete: bool,
) -> Sequence[str]:
    failed = []
    smallest = terms.min_panel
    if terms.msr_type == "sliding":
        smallest = max(smallest, SLIDING_MSR_POINTS[0][0])
    if average_members < smallest:
        failed.append(PANEL_TOO_SMALL)
    if not is_claims_complete:
        failed.append(INCOMPLETE_CLAIMS)
    if quality is None:
        failed.append(REPORTING_FAILED)
    elif quality.score < terms.gate or quality.weight_scored < terms.min_weight_scored:
        failed.append(QUALITY_GATE)
    if terms.is_terminated:
        failed.append(TERMINATED)
    return failed


def _loss_payment(
    terms: SettlementTerms,
    share: Fraction | None,
    net: Fraction,
    total: Fraction,
    msr: Fraction,
) -> int:
    minimum = msr if terms.minimum_loss_rate is None else Fraction(terms.minimum_loss_rate)
    if share is None or share >= 0 or -share < minimum:
        return 0
    owed = -net * Fraction(terms.loss_rate)
    return whole_cents(min(owed, Fraction(terms.loss_cap) * total))
