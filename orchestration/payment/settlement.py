"""Shared savings of every program: from the warehouse's cost exposures to `agg_shared_savings`.

One row per program and performance period. The rules are in `shared_savings.py`, the risk scores in
`outcomes/risk.py`; pictures and statements do not belong here.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from orchestration.errors import CareWarehouseError
from orchestration.outcomes.agreements import RunInputs
from orchestration.outcomes.risk import (
    CostExposure,
    RiskCell,
    RiskFactorRow,
    RiskModel,
    condition_flags,
    fit_risk_model,
    risk_factor_rows,
)
from orchestration.outcomes.standardize import first_year_of_age
from orchestration.outcomes.tables import table_of, write_table
from orchestration.payment.confidence import probability_if_no_savings, savings_standard_error
from orchestration.payment.money import dollars, rounded
from orchestration.payment.shared_savings import (
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

FILE_NAME = "agg_shared_savings.parquet"
BASELINE, PERFORMANCE = "baseline", "performance"
PANEL = "panel"


class CostPattern(NamedTuple):
    """Cost of one program's panel or market in one cell (`int_cost_exposure`)."""

    program_id: str
    period_role: str
    comparison: str
    persons: int
    exposure: CostExposure


@dataclass(frozen=True)
class SharedSavingsRow:
    """One program and performance period; the columns of `agg_shared_savings`.

    Amounts are exact dollars; `_percent` is out of 100, `_rate` and `_score` a share of 1.
    `benchmark_amount − actual_amount − fee_in_cost_amount = savings_amount` and
    `earned − withheld − cap_reduction − fee_offset = payment_amount`, both to the cent.
    `loss_amount` is owed by the group. None means that it cannot be computed.
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
    actual_amount: Decimal
    fee_amount: Decimal
    fee_in_cost_amount: Decimal
    savings_amount: Decimal | None
    savings_percent: Decimal | None
    msr_percent: Decimal
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


_FRACTION_PLACES = 12
_PMPM_PLACES = 6


def _arrow_type(name: str, annotation: object) -> pa.DataType:
    if name in {"baseline_pmpm_amount", "performance_pmpm_amount", "benchmark_pmpm_amount"} | {
        "market_baseline_pmpm_amount",
        "market_performance_pmpm_amount",
    }:
        return pa.decimal128(18, _PMPM_PLACES)
    if name.endswith("_amount"):
        return pa.decimal128(18, 2)
    if annotation in (str, int, date, bool):
        plain = {str: pa.string(), int: pa.int64(), date: pa.date32(), bool: pa.bool_()}
        return plain[annotation]  # type: ignore[index]
    if annotation == float | None:
        return pa.float64()
    return pa.decimal128(24, _FRACTION_PLACES)


_TYPES: Mapping[str, pa.DataType] = {
    field.name: _arrow_type(field.name, field.type) for field in fields(SharedSavingsRow)
}


@dataclass(frozen=True)
class SharedSavings:
    """All programs' settlements and the risk factors they rest on."""

    rows: tuple[SharedSavingsRow, ...]
    risk_factors: tuple[RiskFactorRow, ...]


def settle_programs(
    patterns: Iterable[CostPattern],
    qualities: Mapping[str, Quality],
    terms: Mapping[str, SettlementTerms],
    claims_through_period: str,
) -> SharedSavings:
    """Settle every program of `terms` (by program_id), ordered by program.

    `patterns` hold each program's own panel and market; a program without either is settled as
    NO_BENCHMARK. Raises `CareWarehouseError` for cost of a program without terms.
    """
    grouped: dict[tuple[str, str, str], list[CostPattern]] = defaultdict(list)
    for pattern in patterns:
        if pattern.program_id not in terms:
            raise CareWarehouseError(
                f"int_cost_exposure: program_id {pattern.program_id!r} has no terms; known are "
                f"{', '.join(sorted(terms))}. Add data/programs/{pattern.program_id}.yml."
            )
        grouped[pattern.program_id, pattern.period_role, pattern.comparison].append(pattern)
    rows: list[SharedSavingsRow] = []
    factors: list[RiskFactorRow] = []
    for program_id in sorted(terms):
        of_program = terms[program_id]
        periods: dict[str, _Period] = {}
        for role in (BASELINE, PERFORMANCE):
            panel = grouped.get((program_id, role, PANEL), [])
            market = grouped.get((program_id, role, of_program.savings_market_basis), [])
            periods[role] = _period(panel, market)
            model = periods[role].risk_model
            if model is not None:
                exposures = [pattern.exposure for pattern in market]
                factors.extend(risk_factor_rows(program_id, role, model, exposures))
        rows.append(_row(of_program, periods, qualities.get(program_id), claims_through_period))
    return SharedSavings(tuple(rows), tuple(factors))


def settle_from_warehouse(warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs) -> SharedSavings:
    """Read cost, quality and terms of the run and settle every program."""
    terms = {agreement.program_id: settlement_terms(agreement) for agreement in inputs.agreements}
    return settle_programs(
        read_cost_patterns(warehouse),
        read_qualities(warehouse, terms),
        terms,
        inputs.claims_through_period,
    )


def read_cost_patterns(warehouse: duckdb.DuckDBPyConnection) -> list[CostPattern]:
    """Program-level rows of `int_cost_exposure`; the partners' own panels are not settled."""
    found = warehouse.execute(
        """
        select
            program_id,
            period_role,
            comparison,
            age_band,
            sex,
            condition_tier,
            sum(persons)::bigint as persons,
            sum(member_months)::bigint as member_months,
            sum(truncated_allowed_cents)::bigint as truncated_cents
        from int_cost_exposure
        where reporting_unit_id = program_id
        group by all
        order by all
        """
    ).fetchall()
    return [
        CostPattern(
            program_id=program,
            period_role=role,
            comparison=comparison,
            persons=persons,
            exposure=CostExposure(
                RiskCell(first_year_of_age(band), sex), condition_flags(tier), months, cents
            ),
        )
        for program, role, comparison, band, sex, tier, persons, months, cents in found
    ]


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
    return table_of(rows, SharedSavingsRow, _TYPES)


def write_shared_savings(rows: Sequence[SharedSavingsRow], outcomes_dir: Path) -> Path:
    """Write `agg_shared_savings.parquet`; equal rows give equal bytes."""
    file = outcomes_dir / FILE_NAME
    write_table(shared_savings_table(rows), file)
    return file


@dataclass(frozen=True)
class _Period:
    """Panel and market of one period; None where there are no member months to speak of."""

    panel_persons: int
    market_persons: int
    panel_member_months: int
    panel_cents: int
    panel: CostPeriod | None
    market: CostPeriod | None
    risk_model: RiskModel | None


def _period(panel: Sequence[CostPattern], market: Sequence[CostPattern]) -> _Period:
    of_panel = [pattern.exposure for pattern in panel]
    of_market = [pattern.exposure for pattern in market]
    panel_cost = market_cost = model = None
    if _has_cost(of_market):
        model = fit_risk_model(of_market)
        market_cost = _cost_period(of_market, model.mean_score(of_market))
        panel_cost = _cost_period(of_panel, model.mean_score(of_panel))
    return _Period(
        panel_persons=sum(pattern.persons for pattern in panel),
        market_persons=sum(pattern.persons for pattern in market),
        panel_member_months=sum(exposure.member_months for exposure in of_panel),
        panel_cents=sum(exposure.truncated_cents for exposure in of_panel),
        panel=panel_cost,
        market=market_cost,
        risk_model=model,
    )


def _has_cost(exposures: Sequence[CostExposure]) -> bool:
    months = sum(exposure.member_months for exposure in exposures)
    return months > 0 and sum(exposure.truncated_cents for exposure in exposures) > 0


def _cost_period(exposures: Sequence[CostExposure], score: Fraction | None) -> CostPeriod | None:
    if score is None or score <= 0:
        return None
    return CostPeriod(
        truncated_cents=sum(exposure.truncated_cents for exposure in exposures),
        member_months=sum(exposure.member_months for exposure in exposures),
        risk_score=exact_score(score),
    )


def _row(
    terms: SettlementTerms,
    periods: Mapping[str, _Period],
    quality: Quality | None,
    claims_through_period: str,
) -> SharedSavingsRow:
    base, performance = periods[BASELINE], periods[PERFORMANCE]
    months = performance.panel_member_months
    average = Fraction(months, _months(terms.performance_start_date, terms.performance_end_date))
    found = benchmark(terms, base.panel, performance.panel, base.market, performance.market)
    panel_trend = _trend(base.panel, performance.panel)
    market_trend = _trend(base.market, performance.market)
    fee_cents = coordination_fee_cents(terms, months)
    settled = settle(
        terms,
        average_members=average,
        benchmark_cents=None if found is None else found.pmpm_cents * months,
        actual_cents=performance.panel_cents,
        fee_cents=fee_cents,
        quality=quality,
        is_claims_complete=is_run_out_complete(
            claims_through_period, terms.performance_end_date, terms.runout_months
        ),
    )
    base_months = base.panel_member_months
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
        actual_amount=dollars(settled.actual_cents),
        fee_amount=dollars(fee_cents),
        fee_in_cost_amount=dollars(settled.fee_in_cost_cents),
        savings_amount=dollars(settled.savings_cents) if found else None,
        savings_percent=_percent(settled.savings_share),
        msr_percent=rounded(100 * settled.minimum_savings_rate, _FRACTION_PLACES),
        probability_if_no_savings=_probability(terms, settled, performance),
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
    )


def _probability(terms: SettlementTerms, settled: Settlement, performance: _Period) -> float | None:
    """I.7, where the terms state the variation of a person's cost."""
    if terms.cost_variation is None or settled.savings_share is None:
        return None
    error = savings_standard_error(
        terms.cost_variation,
        performance.panel_persons,
        performance.market_persons,
        terms.cost_correlation,
    )
    return probability_if_no_savings(float(settled.savings_share), error)


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
