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

BenchmarkMethod = Literal["own_history", "concurrent_market"]
BenchmarkRounding = Literal["cent", "none"]
MsrType = Literal["sliding", "fixed", "statistical"]
FeeNetting = Literal["none", "as_cost", "offset"]
SharingForm = Literal["quality_scaled", "gate_only"]


@dataclass(frozen=True)
class SettlementTerms:
    """One program's shared-savings terms; rates are shares of 1, money is dollars.

    `minimum_loss_rate` None means the minimum savings rate. `cost_variation` (CV of a person's
    truncated yearly cost) and `cost_correlation` (of one person's two years) are inputs of I.7 and
    have no default that would fit every market: without a CV no probability is stated.
    """

    program_id: str
    program_name: str
    baseline_start_date: date
    baseline_end_date: date
    performance_start_date: date
    performance_end_date: date
    benchmark_method: BenchmarkMethod = "own_history"
    benchmark_rounding: BenchmarkRounding = "cent"
    savings_market_basis: str = "attributed_elsewhere"
    blend: Decimal = Decimal(0)
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
    admin_withhold: Decimal = Decimal(0)
    runout_months: int = 6
    is_terminated: bool = False
    cost_variation: Decimal | None = None
    cost_correlation: Decimal | None = None


def settlement_terms(agreement: Agreement) -> SettlementTerms:
    """The agreement as the terms of a settlement.

    Raises `ConfigurationError` listing every term that is valid but not computed yet, so that no
    payment is made by a rule nobody agreed to.
    """
    program, terms = agreement.program, agreement.terms
    savings, claims, risk, fee = terms.savings, terms.claims, terms.risk, terms.fee
    # field, value, whether it is computed, what is
    chosen: tuple[tuple[str, object, bool, str], ...] = (
        ("savings.base_weights", list(savings.base_weights), len(savings.base_weights) == 1, "[1]"),
        (
            "savings.msr_type",
            savings.msr_type,
            savings.msr_type != "statistical",
            "sliding or fixed",
        ),
        ("claims.prorate_cap", claims.prorate_cap, not claims.prorate_cap, "false"),
        ("claims.trend_cap", claims.trend_cap, not claims.trend_cap, "false"),
        ("risk.risk_source", risk.risk_source, risk.risk_source == "fallback", "fallback"),
        ("risk.risk_timing", risk.risk_timing, risk.risk_timing == "prospective", "prospective"),
        ("fee.fee_first_year", fee.fee_first_year, fee.fee_first_year == "flat", "flat"),
        (
            "fee.fee_scaled_by_results",
            fee.fee_scaled_by_results,
            not fee.fee_scaled_by_results,
            "false",
        ),
    )
    problems = [
        not_computed(program, field, value, instead)
        for field, value, is_computed, instead in chosen
        if not is_computed
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
        benchmark_method=savings.benchmark_method,
        benchmark_rounding=savings.benchmark_rounding,
        savings_market_basis=savings.savings_market_basis,
        blend=savings.blend,
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
        admin_withhold=savings.admin_withhold,
        runout_months=claims.runout_months.settlement,
    )
