"""Shared savings of every program: from the warehouse's costs to `agg_shared_savings`.

One row per program and performance period. The rules are in `shared_savings.py`, persons and caps
in `costs.py`, the risk scores in `outcomes/risk.py`; statements do not belong here.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Literal

import duckdb
import pyarrow as pa

from orchestration.errors import CareWarehouseError
from orchestration.outcomes.agreements import RunInputs
from orchestration.outcomes.risk import (
    CostExposure,
    RiskFactorRow,
    RiskModel,
    fit_risk_model,
    risk_factor_rows,
)
from orchestration.outcomes.risk_payer import MeanScore, read_payer_scores, score_of_panel
from orchestration.outcomes.tables import table_of, write_table
from orchestration.payment.completion import (
    Completion,
    completed_share,
    fit_completion,
    month_number,
    read_member_months,
    read_triangles,
)
from orchestration.payment.confidence import (
    probability_if_no_savings,
    savings_standard_error,
    statistical_msr,
)
from orchestration.payment.costs import (
    BASELINE,
    MARKET,
    MEMBERS,
    PANEL,
    PERFORMANCE,
    CostPattern,
    CostSpread,
    load_members,
    persons_of,
    read_cost_patterns,
    read_cost_spreads,
)
from orchestration.payment.measures import (
    ComputedQuality,
    ProgramMeasures,
    computed_quality,
    read_measures,
)
from orchestration.payment.money import dollars, rounded, whole_cents
from orchestration.payment.points import P4pPayment, pay_for_performance
from orchestration.payment.shared_savings import (
    Benchmark,
    CostPeriod,
    Quality,
    Settlement,
    benchmark,
    coordination_fee_cents,
    exact_score,
    is_run_out_complete,
    settle,
    trend,
)
from orchestration.payment.terms import SettlementTerms, settlement_terms

FITTED: Literal["fitted"] = "fitted"
FILE_NAME = "agg_shared_savings.parquet"


@dataclass(frozen=True)
class SharedSavingsRow:
    """One program and performance period; the columns of `agg_shared_savings`.

    Amounts are exact dollars; `_percent` is out of 100, `_rate` and `_score` a share of 1.
    `benchmark_amount − actual_amount − fee_in_cost_amount = savings_amount` and
    `earned − withheld − cap_reduction − fee_offset = payment_amount`, both to the cent.
    `loss_amount` is owed by the group. `actual_amount` is `truncated_amount` completed for claims
    not yet paid. `p4p_` columns are null where no pay for performance was agreed; `p4p_score` is
    the computed composite where measures earn points, else the reported one. None means that it
    cannot be computed.
    """

    program_id: str
    program_name: str
    baseline_start_date: date
    baseline_end_date: date
    performance_start_date: date
    performance_end_date: date
    claims_through_period: str
    market_basis: str
    benchmark_method: str
    fee_netting: str
    msr_type: str
    baseline_persons: int
    performance_persons: int
    baseline_member_months: int
    performance_member_months: int
    average_members: Decimal
    panel_change_percent: Decimal | None
    baseline_pmpm_amount: Decimal | None
    performance_pmpm_amount: Decimal | None
    market_baseline_pmpm_amount: Decimal | None
    market_performance_pmpm_amount: Decimal | None
    panel_baseline_risk_score: Decimal | None
    panel_performance_risk_score: Decimal | None
    market_baseline_risk_score: Decimal | None
    market_performance_risk_score: Decimal | None
    panel_trend_percent: Decimal | None
    market_trend_percent: Decimal | None
    trend_difference_points: Decimal | None
    market_trend_factor: Decimal | None
    risk_ratio: Decimal | None
    risk_ratio_applied: Decimal | None
    benchmark_pmpm_amount: Decimal | None
    benchmark_amount: Decimal | None
    truncated_amount: Decimal
    completion_ratio: Decimal
    actual_amount: Decimal
    fee_amount: Decimal
    fee_in_cost_amount: Decimal
    savings_amount: Decimal | None
    savings_percent: Decimal | None
    msr_percent: Decimal
    cost_variation: float | None
    cost_correlation: float | None
    savings_standard_error_percent: float | None
    probability_if_no_savings: float | None
    quality_score: Decimal | None
    weight_scored: Decimal | None
    is_eligible: bool
    failed_reasons: str
    shareable_amount: Decimal
    sharing_rate: Decimal
    earned_amount: Decimal
    withheld_amount: Decimal
    cap_reduction_amount: Decimal
    fee_offset_amount: Decimal
    payment_amount: Decimal
    loss_amount: Decimal
    p4p_score: Decimal | None
    p4p_weight_scored: Decimal | None
    p4p_pool_amount: Decimal | None
    p4p_payout_rate: Decimal | None
    p4p_payment_amount: Decimal | None
    p4p_failed_reasons: str | None


_FRACTION_PLACES = 12
_PMPM_PLACES = 6


_PMPM = (
    "baseline_pmpm_amount",
    "performance_pmpm_amount",
    "market_baseline_pmpm_amount",
    "market_performance_pmpm_amount",
    "benchmark_pmpm_amount",
)
_EXACT: Mapping[str, pa.DataType] = {
    **{
        field.name: pa.decimal128(18, 2)
        if field.name.endswith("_amount")
        else pa.decimal128(24, _FRACTION_PLACES)
        for field in fields(SharedSavingsRow)
        if field.type in (Decimal, Decimal | None)
    },
    **dict.fromkeys(_PMPM, pa.decimal128(18, _PMPM_PLACES)),
}


@dataclass(frozen=True)
class ProgramPeriod:
    """Panel and market of one period; costs are None where there are no months to speak of.

    `truncated_cents` is the panel's, as paid to date; the cost of `panel` and `market` is completed
    by `completion_ratio`.
    """

    panel_persons: int
    market_persons: int
    panel_member_months: int
    market_member_months: int
    truncated_cents: int
    completion_ratio: Fraction
    panel: CostPeriod | None
    market: CostPeriod | None
    risk_model: RiskModel | None

    @property
    def completed_cents(self) -> int:
        return whole_cents(self.truncated_cents * self.completion_ratio)


@dataclass(frozen=True)
class ProgramSettlement:
    """One program's settlement: what went in, every step, and what is paid."""

    terms: SettlementTerms
    periods: Mapping[str, ProgramPeriod]
    quality: Quality | None
    benchmark: Benchmark | None
    fee_cents: int
    standard_error: float | None
    settlement: Settlement
    p4p: P4pPayment | None
    row: "SharedSavingsRow"
    risk_factors: tuple[RiskFactorRow, ...] = ()
    computed: ComputedQuality | None = None


@dataclass(frozen=True)
class SharedSavings:
    """All programs' settlements, ordered by program."""

    programs: tuple[ProgramSettlement, ...]

    @property
    def rows(self) -> tuple["SharedSavingsRow", ...]:
        return tuple(program.row for program in self.programs)

    @property
    def risk_factors(self) -> tuple[RiskFactorRow, ...]:
        return tuple(factor for program in self.programs for factor in program.risk_factors)

    @property
    def risk_models(self) -> dict[tuple[str, str], RiskModel]:
        """The fit of every program and period role that has one."""
        return {
            (program.terms.program_id, role): period.risk_model
            for program in self.programs
            for role, period in program.periods.items()
            if period.risk_model is not None
        }


@dataclass(frozen=True)
class Evidence:
    """What the warehouse tells a settlement: cost by risk cell, its spread, triangles, quality.

    All by program. Spread, completion and quality may be missing for a program; what then cannot be
    said is left out, and what then cannot be paid is told.
    """

    patterns: Sequence[CostPattern]
    qualities: Mapping[str, Quality] = field(default_factory=dict)
    spreads: Mapping[str, CostSpread] = field(default_factory=dict)
    completions: Mapping[str, Completion] = field(default_factory=dict)
    measures: Mapping[str, ProgramMeasures] = field(default_factory=dict)
    payer_scores: Mapping[tuple[str, str, str], MeanScore] = field(default_factory=dict)


def settle_programs(
    evidence: Evidence, terms: Mapping[str, SettlementTerms], claims_through_period: str
) -> SharedSavings:
    """Settle every program of `terms` (by program_id), ordered by program.

    The patterns hold each program's own panel and market; a program without either is settled as
    NO_BENCHMARK. Raises `CareWarehouseError` for cost of a program without terms.
    """
    grouped: dict[tuple[str, str, str], list[CostPattern]] = defaultdict(list)
    for pattern in evidence.patterns:
        if pattern.program_id not in terms:
            raise CareWarehouseError(
                f"settlement: program_id {pattern.program_id!r} has no terms; known are "
                f"{', '.join(sorted(terms))}. Add data/programs/{pattern.program_id}.yml."
            )
        grouped[pattern.program_id, pattern.period_role, pattern.comparison].append(pattern)
    settled = []
    for program_id in sorted(terms):
        of_program = terms[program_id]
        completion = evidence.completions.get(program_id)
        periods: dict[str, ProgramPeriod] = {}
        factors: list[RiskFactorRow] = []
        for role, start, end in of_program.roles():
            panel = grouped.get((program_id, role, PANEL), [])
            market = grouped.get((program_id, role, MARKET), [])
            ratio = _completion_ratio(of_program, completion, start, end)
            score = (
                score_of_panel(evidence.payer_scores, program_id, role)
                if of_program.risk_source == "payer"
                else FITTED
            )
            periods[role] = _period(panel, market, ratio, score)
            model = periods[role].risk_model
            if model is not None:
                exposures = [pattern.exposure for pattern in market]
                factors.extend(risk_factor_rows(program_id, role, model, exposures))
        settled.append(
            _settled(
                of_program,
                periods,
                evidence.qualities.get(program_id),
                _computed(of_program, evidence.measures.get(program_id)),
                evidence.spreads.get(program_id),
                claims_through_period,
                tuple(factors),
            )
        )
    return SharedSavings(tuple(settled))


def settle_from_warehouse(
    warehouse: duckdb.DuckDBPyConnection,
    inputs: RunInputs,
    terms: Mapping[str, SettlementTerms] | None = None,
) -> SharedSavings:
    """Read cost, quality and terms of the run and settle every program.

    `terms` stand in for the agreements' where a what-if overrides them. Leaves the members settled
    in the connection's temporary table `settlement_member`.
    """
    if terms is None:
        terms = agreed_terms(inputs)
    load_members(warehouse, terms)
    return settle_programs(
        read_evidence(warehouse, terms, inputs), terms, inputs.claims_through_period
    )


def agreed_terms(inputs: RunInputs) -> dict[str, SettlementTerms]:
    """The terms of every agreement of the run, by program."""
    return {agreement.program_id: settlement_terms(agreement) for agreement in inputs.agreements}


def read_evidence(
    warehouse: duckdb.DuckDBPyConnection,
    terms: Mapping[str, SettlementTerms],
    inputs: RunInputs,
) -> Evidence:
    """Everything `settle_programs` looks at; `load_members` has been called."""
    through = month_number(inputs.claims_through_period or "0001-01")
    triangles = read_triangles(warehouse)
    months = read_member_months(warehouse)
    fitted: dict[tuple[str, int], Completion] = {}
    for of_program in terms.values():
        payer, diagonals = of_program.payer, of_program.cl_months
        if payer in triangles and (payer, diagonals) not in fitted:
            fitted[payer, diagonals] = fit_completion(
                triangles[payer], months.get(payer, {}), through, diagonals
            )
    return Evidence(
        patterns=read_cost_patterns(warehouse),
        qualities=read_qualities(warehouse, terms),
        spreads=read_cost_spreads(warehouse),
        completions={
            program_id: fitted[of_program.payer, of_program.cl_months]
            for program_id, of_program in terms.items()
            if (of_program.payer, of_program.cl_months) in fitted
        },
        measures=read_measures(warehouse, terms),
        payer_scores=read_payer_scores(
            warehouse,
            MEMBERS,
            [
                (program_id, role, start)
                for program_id, of_program in terms.items()
                if of_program.risk_source == "payer"
                for role, start, _ in of_program.roles()
            ],
        ),
    )


def read_qualities(
    warehouse: duckdb.DuckDBPyConnection, terms: Mapping[str, SettlementTerms]
) -> dict[str, Quality]:
    """The newest reported quality of each program's performance period; absent if none is."""
    found = warehouse.execute(
        """
        select program_id, period_start_date, period_end_date, quality_score, weight_scored
        from stg_ledger__reported_quality
        order by delivery_order, row_number
        """
    ).fetchall()
    qualities: dict[str, Quality] = {}
    for program_id, start, end, score, weight in found:
        of_program = terms.get(program_id)
        if of_program is not None and (start, end) == (
            of_program.performance_start_date,
            of_program.performance_end_date,
        ):
            qualities[program_id] = Quality(score, weight)
    return qualities


def shared_savings_table(rows: Sequence[SharedSavingsRow]) -> pa.Table:
    """The rows as the published Arrow table; money is DECIMAL."""
    return table_of(rows, SharedSavingsRow, _EXACT)


def write_shared_savings(rows: Sequence[SharedSavingsRow], outcomes_dir: Path) -> Path:
    """Write `agg_shared_savings.parquet`; equal rows give equal bytes."""
    return write_table(shared_savings_table(rows), outcomes_dir / FILE_NAME)


def _completion_ratio(
    terms: SettlementTerms, completion: Completion | None, start: date, end: date
) -> Fraction:
    if completion is None:
        return Fraction(1)
    first, last = month_number(start.isoformat()), month_number(end.isoformat())
    return completed_share(completion, first, last, Fraction(terms.cf_min))


def _period(
    panel: Sequence[CostPattern],
    market: Sequence[CostPattern],
    ratio: Fraction,
    score: Fraction | Literal["fitted"] | None = FITTED,
) -> ProgramPeriod:
    """`score` is the panel's by the payer's model, the market's then being 1; or fitted here."""
    of_panel = [pattern.exposure for pattern in panel]
    of_market = [pattern.exposure for pattern in market]
    panel_cost = market_cost = model = None
    if _has_cost(of_market):
        model = fit_risk_model(of_market)
        if isinstance(score, str):
            market_score, panel_score = model.mean_score(of_market), model.mean_score(of_panel)
        else:
            market_score, panel_score = Fraction(1) if score else None, score
        market_cost = _cost_period(of_market, market_score, ratio)
        panel_cost = _cost_period(of_panel, panel_score, ratio)
    return ProgramPeriod(
        panel_persons=persons_of(panel),
        market_persons=persons_of(market),
        panel_member_months=sum(exposure.member_months for exposure in of_panel),
        market_member_months=sum(exposure.member_months for exposure in of_market),
        truncated_cents=sum(exposure.truncated_cents for exposure in of_panel),
        completion_ratio=ratio,
        panel=panel_cost,
        market=market_cost,
        risk_model=model,
    )


def _has_cost(exposures: Sequence[CostExposure]) -> bool:
    months = sum(exposure.member_months for exposure in exposures)
    return months > 0 and sum(exposure.truncated_cents for exposure in exposures) > 0


def _cost_period(
    exposures: Sequence[CostExposure], score: Fraction | None, ratio: Fraction
) -> CostPeriod | None:
    if score is None or score <= 0:
        return None
    return CostPeriod(
        truncated_cents=whole_cents(
            sum(exposure.truncated_cents for exposure in exposures) * ratio
        ),
        member_months=sum(exposure.member_months for exposure in exposures),
        risk_score=exact_score(score),
    )


def _computed(terms: SettlementTerms, measures: ProgramMeasures | None) -> ComputedQuality | None:
    if terms.p4p is None or not terms.p4p.measures:
        return None
    return computed_quality(terms.p4p, measures or ProgramMeasures())


def _settled(
    terms: SettlementTerms,
    periods: Mapping[str, ProgramPeriod],
    reported: Quality | None,
    computed: ComputedQuality | None,
    spread: CostSpread | None,
    claims_through_period: str,
    risk_factors: tuple[RiskFactorRow, ...],
) -> ProgramSettlement:
    base, performance = periods[BASELINE], periods[PERFORMANCE]
    scored = reported if computed is None else computed.quality
    quality = scored if terms.p4p is not None and terms.p4p.scores_savings else reported
    months = performance.panel_member_months
    average = Fraction(months, _months(terms.performance_start_date, terms.performance_end_date))
    found = benchmark(
        terms,
        base.panel,
        performance.panel,
        base.market,
        performance.market,
        tuple(
            (periods[role].panel, periods[role].market)
            for role, _, _ in terms.roles()
            if role not in (BASELINE, PERFORMANCE)
        ),
    )
    fee_cents = coordination_fee_cents(terms, months, quality)
    error = _standard_error(terms, spread, performance)
    settled = settle(
        terms,
        average_members=average,
        benchmark_cents=None if found is None else found.pmpm_cents * months,
        actual_cents=performance.completed_cents,
        fee_cents=fee_cents,
        quality=quality,
        is_claims_complete=is_run_out_complete(
            claims_through_period, terms.performance_end_date, terms.runout_months
        ),
        minimum_savings_rate=_statistical_msr(terms, error),
    )
    panel_trend = _trend(base.panel, performance.panel)
    market_trend = _trend(base.market, performance.market)
    difference = (
        None if panel_trend is None or market_trend is None else 100 * (panel_trend - market_trend)
    )
    p4p = None if terms.p4p is None else pay_for_performance(terms.p4p, months, scored, difference)
    row = _row(
        terms,
        periods,
        quality,
        claims_through_period,
        found,
        fee_cents,
        error,
        settled,
        p4p,
        scored if p4p is not None else None,
        average,
        panel_trend,
        market_trend,
        spread,
    )
    return ProgramSettlement(
        terms,
        periods,
        quality,
        found,
        fee_cents,
        error,
        settled,
        p4p,
        row,
        risk_factors,
        computed,
    )


def _row(
    terms: SettlementTerms,
    periods: Mapping[str, ProgramPeriod],
    quality: Quality | None,
    claims_through_period: str,
    found: Benchmark | None,
    fee_cents: int,
    error: float | None,
    settled: Settlement,
    p4p: P4pPayment | None,
    p4p_quality: Quality | None,
    average: Fraction,
    panel_trend: Fraction | None,
    market_trend: Fraction | None,
    spread: CostSpread | None,
) -> SharedSavingsRow:
    base, performance = periods[BASELINE], periods[PERFORMANCE]
    months, base_months = performance.panel_member_months, base.panel_member_months
    return SharedSavingsRow(
        program_id=terms.program_id,
        program_name=terms.program_name,
        baseline_start_date=terms.baseline_start_date,
        baseline_end_date=terms.baseline_end_date,
        performance_start_date=terms.performance_start_date,
        performance_end_date=terms.performance_end_date,
        claims_through_period=claims_through_period,
        market_basis=terms.savings_market_basis,
        benchmark_method=terms.benchmark_method,
        fee_netting=terms.fee_netting,
        msr_type=terms.msr_type,
        baseline_persons=base.panel_persons,
        performance_persons=performance.panel_persons,
        baseline_member_months=base_months,
        performance_member_months=months,
        average_members=rounded(average, _FRACTION_PLACES),
        panel_change_percent=(_percent(Fraction(months, base_months) - 1) if base_months else None),
        baseline_pmpm_amount=_pmpm(base.panel),
        performance_pmpm_amount=_pmpm(performance.panel),
        market_baseline_pmpm_amount=_pmpm(base.market),
        market_performance_pmpm_amount=_pmpm(performance.market),
        panel_baseline_risk_score=_score(base.panel),
        panel_performance_risk_score=_score(performance.panel),
        market_baseline_risk_score=_score(base.market),
        market_performance_risk_score=_score(performance.market),
        panel_trend_percent=_percent(panel_trend),
        market_trend_percent=_percent(market_trend),
        trend_difference_points=(
            None
            if panel_trend is None or market_trend is None
            else _percent(panel_trend - market_trend)
        ),
        market_trend_factor=_fraction(found.market_trend_factor if found else None),
        risk_ratio=_fraction(found.risk_ratio if found else None),
        risk_ratio_applied=_fraction(found.risk_ratio_applied if found else None),
        benchmark_pmpm_amount=(rounded(found.pmpm_cents / 100, _PMPM_PLACES) if found else None),
        benchmark_amount=dollars(settled.benchmark_cents) if found else None,
        truncated_amount=dollars(performance.truncated_cents),
        completion_ratio=rounded(performance.completion_ratio, _FRACTION_PLACES),
        actual_amount=dollars(settled.actual_cents),
        fee_amount=dollars(fee_cents),
        fee_in_cost_amount=dollars(settled.fee_in_cost_cents),
        savings_amount=dollars(settled.savings_cents) if found else None,
        savings_percent=_percent(settled.savings_share),
        msr_percent=rounded(100 * settled.minimum_savings_rate, _FRACTION_PLACES),
        cost_variation=spread.variation if spread else None,
        cost_correlation=spread.correlation if spread else None,
        savings_standard_error_percent=None if error is None else 100 * error,
        probability_if_no_savings=(
            None
            if error is None or settled.savings_share is None
            else probability_if_no_savings(float(settled.savings_share), error)
        ),
        quality_score=None if quality is None else quality.score,
        weight_scored=None if quality is None else quality.weight_scored,
        is_eligible=settled.is_eligible,
        failed_reasons=",".join(settled.failed_reasons),
        shareable_amount=dollars(settled.shareable_cents),
        sharing_rate=rounded(settled.sharing_rate, _FRACTION_PLACES),
        earned_amount=dollars(settled.earned_cents),
        withheld_amount=dollars(settled.withheld_cents),
        cap_reduction_amount=dollars(settled.cap_reduction_cents),
        fee_offset_amount=dollars(settled.fee_offset_cents),
        payment_amount=dollars(settled.payment_cents),
        loss_amount=dollars(settled.loss_payment_cents),
        p4p_score=None if p4p_quality is None else p4p_quality.score,
        p4p_weight_scored=None if p4p_quality is None else p4p_quality.weight_scored,
        p4p_pool_amount=None if p4p is None else dollars(p4p.pool_cents),
        p4p_payout_rate=None if p4p is None else rounded(p4p.payout_share, _FRACTION_PLACES),
        p4p_payment_amount=None if p4p is None else dollars(p4p.payment_cents),
        p4p_failed_reasons=None if p4p is None else ",".join(p4p.failed_reasons),
    )


def _standard_error(
    terms: SettlementTerms, spread: CostSpread | None, performance: ProgramPeriod
) -> float | None:
    """I.7 from the panel's own spread; with a benchmark from own history ρ widens it."""
    if spread is None or not performance.panel_member_months:
        return None
    is_own_history = terms.benchmark_method == "own_history" and terms.blend < 1
    return savings_standard_error(
        spread.variation,
        performance.panel_member_months / 12,
        performance.market_member_months / 12 or None,
        spread.correlation if is_own_history else None,
    )


def _statistical_msr(terms: SettlementTerms, error: float | None) -> Fraction | None:
    """Eight decimals, half up: a payment may not hang on the last bit of a double."""
    if terms.msr_type != "statistical":
        return None
    if error is None:
        return Fraction(1)
    return Fraction(rounded(Fraction(statistical_msr(terms.msr_confidence, error)), 8))


def _trend(base: CostPeriod | None, performance: CostPeriod | None) -> Fraction | None:
    if base is None or performance is None or not base.truncated_cents:
        return None
    return trend(base, performance)


def _months(start: date, end: date) -> int:
    return (end.year - start.year) * 12 + end.month - start.month + 1


def _pmpm(period: CostPeriod | None) -> Decimal | None:
    return None if period is None else rounded(period.pmpm_cents / 100, _PMPM_PLACES)


def _score(period: CostPeriod | None) -> Decimal | None:
    return _fraction(None if period is None else period.risk_score)


def _fraction(value: Fraction | None) -> Decimal | None:
    return None if value is None else rounded(value, _FRACTION_PLACES)


def _percent(share: Fraction | None) -> Decimal | None:
    return None if share is None else rounded(100 * share, _FRACTION_PLACES)
