"""The terms that decide shared savings, as plain values (METHODS I.2–I.5, defaults of P).

One adapter from a program's agreement, which refuses what is not computed yet. Reading and
validating program files does not belong here.
"""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Literal

from orchestration.errors import ConfigurationError
from orchestration.outcomes.agreements import (
    Agreement,
    not_computed,
    unsupported_population_terms,
)
from orchestration.programs import P4pTerms

BenchmarkMethod = Literal["own_history", "concurrent_market"]
BenchmarkRounding = Literal["cent", "none"]
MsrType = Literal["sliding", "fixed", "statistical"]
FeeNetting = Literal["none", "as_cost", "offset"]
FeeFirstYear = Literal["flat", "planned"]
ShareOut = Literal["by_panel"]
PointMethod = Literal["integer", "linear"]
SharingForm = Literal["quality_scaled", "gate_only"]


@dataclass(frozen=True)
class MeasureTerms:
    """A measure that earns points; targets None are the market's (J.1)."""

    measure: str
    weight: Decimal = Decimal(1)
    threshold: Decimal | None = None
    benchmark: Decimal | None = None


@dataclass(frozen=True)
class PayForPerformance:
    """Terms of J.3: the pool a member month, and the payout table as (score, share of the pool).

    Without `measures` the score is the reported one.
    """

    pool_pmpm: Decimal = Decimal("1.00")
    min_weight_scored: Decimal = Decimal("0.60")
    payout: tuple[tuple[Decimal, Decimal], ...] = (
        (Decimal("0.40"), Decimal("0.5")),
        (Decimal("0.80"), Decimal("1.0")),
    )
    max_trend_points: Decimal | None = None
    measures: tuple[MeasureTerms, ...] = ()
    point_method: PointMethod = "integer"
    has_improvement: bool = True
    min_den: int = 30
    scores_savings: bool = False


@dataclass(frozen=True)
class SettlementTerms:
    """One program's shared-savings terms; rates are shares of 1, money is dollars.

    `minimum_loss_rate` None means the minimum savings rate. `base_weights` are those of the base
    years, oldest first; the last is the baseline's.
    """

    program_id: str
    program_name: str
    baseline_start_date: date
    baseline_end_date: date
    performance_start_date: date
    performance_end_date: date
    payer: str = ""
    market_area_id: str = ""
    earlier_base_years: tuple[tuple[date, date], ...] = ()
    base_weights: tuple[Decimal, ...] = (Decimal(1),)
    min_member_months: int = 6
    include_rx: bool = True
    truncation: Decimal = Decimal("100000.00")
    prorate_cap: bool = False
    trend_cap: bool = False
    cl_months: int = 12
    cf_min: Decimal = Decimal("0.60")
    benchmark_method: BenchmarkMethod = "own_history"
    benchmark_rounding: BenchmarkRounding = "cent"
    savings_market_basis: str = "attributed_elsewhere"
    blend: Decimal = Decimal(0)
    risk_source: Literal["fallback", "payer"] = "fallback"
    risk_cap: Decimal = Decimal("0.03")
    msr_type: MsrType = "sliding"
    msr_fixed: Decimal = Decimal("0.02")
    msr_confidence: Decimal = Decimal("0.95")
    minimum_loss_rate: Decimal | None = None
    first_dollar: bool = True
    sharing_form: SharingForm = "quality_scaled"
    max_rate: Decimal = Decimal("0.50")
    gate: Decimal = Decimal("0.60")
    min_weight_scored: Decimal = Decimal("0.60")
    cap: Decimal = Decimal("0.10")
    loss_rate: Decimal = Decimal(0)
    loss_cap: Decimal = Decimal("0.04")
    min_panel: int = 1_000
    fee_netting: FeeNetting = "as_cost"
    fee_pmpm: Decimal = Decimal("3.00")
    fee_first_year: FeeFirstYear = "flat"
    fee_scaled_by_results: bool = False
    is_first_year: bool = False
    retro_window: int = 6
    outcome_lag_months: int = 1
    admin_withhold: Decimal = Decimal(0)
    runout_months: int = 6
    interim_runout_months: int = 3
    is_terminated: bool = False
    p4p: PayForPerformance | None = None
    share_out: ShareOut | None = None
    share_out_quality: Decimal = Decimal(0)

    def roles(self) -> tuple[tuple[str, date, date], ...]:
        """Every period settled: earlier base years oldest first, baseline, performance."""
        count = len(self.earlier_base_years)
        return (
            *(
                (f"baseline_{count - number + 1}", start, end)
                for number, (start, end) in enumerate(self.earlier_base_years)
            ),
            ("baseline", self.baseline_start_date, self.baseline_end_date),
            ("performance", self.performance_start_date, self.performance_end_date),
        )


def settlement_terms(agreement: Agreement) -> SettlementTerms:
    """The agreement as the terms of a settlement.

    Raises `ConfigurationError` listing every term that is valid but not computed yet, so that no
    payment is made by a rule nobody agreed to.
    """
    program, terms = agreement.program, agreement.terms
    savings, claims, risk, fee = terms.savings, terms.claims, terms.risk, terms.fee
    problems = [
        not_computed(program, field, value, computed[0])
        for field, value, computed in (
            ("risk.risk_source", risk.risk_source, ("fallback", "payer")),
            ("risk.risk_timing", risk.risk_timing, ("prospective",)),
        )
        if value not in computed
    ]
    problems.extend(unsupported_population_terms(agreement))
    if problems:
        raise ConfigurationError(problems)
    return SettlementTerms(
        program_id=program.program_id,
        program_name=agreement.short_name,
        baseline_start_date=terms.baseline.start_date,
        baseline_end_date=terms.baseline.end_date,
        performance_start_date=terms.performance.start_date,
        performance_end_date=terms.performance.end_date,
        payer=program.payer,
        market_area_id=program.facts.market.area_id,
        earlier_base_years=tuple(
            (year.start_date, year.end_date) for year in terms.base_years()[:-1]
        ),
        base_weights=savings.base_weights,
        min_member_months=terms.attribution.min_mm.outcomes,
        include_rx=claims.include_rx,
        truncation=claims.truncation,
        prorate_cap=claims.prorate_cap,
        trend_cap=claims.trend_cap,
        cl_months=claims.cl_months,
        cf_min=claims.cf_min,
        benchmark_method=savings.benchmark_method,
        benchmark_rounding=savings.benchmark_rounding,
        savings_market_basis=savings.savings_market_basis,
        blend=savings.blend,
        risk_source="payer" if risk.risk_source == "payer" else "fallback",
        risk_cap=risk.risk_cap,
        msr_type=savings.msr_type,
        msr_fixed=savings.msr_fixed,
        msr_confidence=savings.msr_confidence,
        minimum_loss_rate=savings.mlr,
        first_dollar=savings.first_dollar,
        sharing_form=savings.sharing_form,
        max_rate=savings.max_rate,
        gate=savings.gate,
        min_weight_scored=savings.min_weight_scored,
        cap=savings.cap,
        loss_rate=savings.loss_rate,
        loss_cap=savings.loss_cap,
        min_panel=savings.min_panel,
        fee_netting=savings.fee_netting,
        fee_pmpm=fee.fee_pmpm,
        fee_first_year=fee.fee_first_year,
        fee_scaled_by_results=fee.fee_scaled_by_results,
        is_first_year=terms.performance == program.terms[0].performance,
        retro_window=terms.attribution.retro_window,
        outcome_lag_months=terms.attribution.outcome_lag_months,
        admin_withhold=savings.admin_withhold,
        runout_months=claims.runout_months.settlement,
        interim_runout_months=claims.runout_months.interim,
        is_terminated=(
            terms.terminated_on is not None and terms.terminated_on < terms.performance.end_date
        ),
        p4p=_pay_for_performance(terms.p4p),
        share_out=terms.share_out,
        share_out_quality=terms.share_out_quality or Decimal(0),
    )


def _pay_for_performance(terms: P4pTerms | None) -> PayForPerformance | None:
    if terms is None:
        return None
    return PayForPerformance(
        pool_pmpm=terms.p4p_pmpm,
        min_weight_scored=terms.min_weight_scored,
        payout=tuple((point.score, point.share) for point in terms.payout),
        max_trend_points=terms.max_trend_points,
        measures=tuple(
            MeasureTerms(one.measure, one.weight, one.threshold, one.benchmark)
            for one in terms.measures
        ),
        point_method=terms.point_method,
        has_improvement=terms.improvement,
        min_den=terms.min_den,
        scores_savings=terms.scores_savings,
    )
