"""From cost exposures to settled programs (METHODS G.3, I)."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration.errors import CareWarehouseError, ConfigurationError
from orchestration.outcomes.agreements import Agreement, agreement_of, read_run_inputs
from orchestration.outcomes.er_terms import er_comparison_terms
from orchestration.outcomes.risk import CostExposure, RiskCell, condition_flags
from orchestration.payment.report import markdown_table
from orchestration.payment.settlement import (
    CostPattern,
    SharedSavingsRow,
    read_cost_patterns,
    read_qualities,
    settle_from_warehouse,
    settle_programs,
    write_shared_savings,
)
from orchestration.payment.shared_savings import Quality
from orchestration.payment.terms import SettlementTerms, settlement_terms
from orchestration.programs import Program, load_programs
from orchestration.settings import PROJECT_ROOT, load_settings

TERMS = SettlementTerms(
    program_id="p",
    program_name="Program",
    baseline_start_date=date(2024, 1, 1),
    baseline_end_date=date(2024, 12, 31),
    performance_start_date=date(2025, 1, 1),
    performance_end_date=date(2025, 12, 31),
)
QUALITY = Quality(Decimal("0.8000"), Decimal("1.0000"))
CELLS = [RiskCell(age, sex) for age in (25, 45) for sex in "FM"]


def population(
    comparison: str, role: str, months_a_cell: int, pmpm_cents: int
) -> list[CostPattern]:
    """Every cell and condition count with equal months; cost grows with the count."""
    return [
        CostPattern(
            program_id="p",
            period_role=role,
            comparison=comparison,
            persons=months_a_cell // 12,
            exposure=CostExposure(
                cell, condition_flags(tier), months_a_cell, months_a_cell * pmpm_cents * (1 + tier)
            ),
        )
        for cell in CELLS
        for tier in range(4)
    ]


@pytest.fixture
def patterns() -> list[CostPattern]:
    """16 cells of 12,000 panel months; the market's trend is 10 %, the panel's 5 %."""
    return [
        *population("panel", "baseline", 12_000, 20_000),
        *population("panel", "performance", 12_000, 21_000),
        *population("attributed_elsewhere", "baseline", 120_000, 20_000),
        *population("attributed_elsewhere", "performance", 120_000, 22_000),
        *population("all_others", "baseline", 240_000, 1),
        *population("all_others", "performance", 240_000, 9),
    ]


def settle_one(
    patterns: Sequence[CostPattern],
    terms: SettlementTerms = TERMS,
    quality: Quality | None = QUALITY,
) -> SharedSavingsRow:
    qualities = {} if quality is None else {"p": quality}
    (row,) = settle_programs(patterns, qualities, {"p": terms}, "2026-06").rows
    return row


def test_a_panel_that_grows_slower_than_its_market_earns_savings(
    patterns: list[CostPattern],
) -> None:
    """The whole way in round numbers: (500 × 1.1 − 525 − 3) a month, half of 80 % of it."""
    row = settle_one(patterns)
    assert row.average_members == 16_000
    assert row.baseline_pmpm_amount == Decimal("500.000000")
    assert row.performance_pmpm_amount == Decimal("525.000000")
    assert row.market_trend_factor == Decimal("1.1")
    assert row.panel_trend_percent == 5
    assert row.market_trend_percent == 10
    assert row.trend_difference_points == -5
    assert row.benchmark_pmpm_amount == Decimal("550.000000")
    assert row.benchmark_amount == Decimal("105600000.00")
    assert row.actual_amount == Decimal("100800000.00")
    assert row.fee_amount == row.fee_in_cost_amount == Decimal("576000.00")
    assert row.savings_amount == Decimal("4224000.00")
    assert row.savings_percent == 4
    assert row.msr_percent == Decimal("2.66")
    assert row.is_eligible
    assert row.payment_amount == Decimal("1689600.00")


def test_the_market_of_the_terms_is_used_and_no_other(patterns: list[CostPattern]) -> None:
    """`all_others` of the fixture has a ninefold trend: mixing bases would be seen at once."""
    row = settle_one(patterns, replace(TERMS, savings_market_basis="all_others"))
    assert row.market_trend_factor == 9
    assert row.market_basis == "all_others"


def test_risk_scores_are_relative_to_the_market_of_their_year(
    patterns: list[CostPattern],
) -> None:
    """G.3 step 4: the market's mean is 1 in each year, so the panel's score says all."""
    row = settle_one(patterns)
    assert row.market_baseline_risk_score == 1
    assert row.market_performance_risk_score == 1
    assert row.panel_baseline_risk_score == 1
    assert row.panel_performance_risk_score == 1


def test_a_sicker_panel_raises_its_benchmark_up_to_the_cap(patterns: list[CostPattern]) -> None:
    """I.2: risk growth beyond 3 % is not paid for."""
    sicker = [
        pattern
        for pattern in patterns
        if pattern[1:3] != ("performance", "panel")
        or "3_or_more_conditions" in pattern.exposure.flags
    ]
    row = settle_one(sicker)
    assert row.risk_ratio is not None
    assert row.risk_ratio > Decimal("1.5")
    assert row.risk_ratio_applied == Decimal("1.03")
    assert row.benchmark_pmpm_amount == Decimal("566.500000")


def test_published_amounts_add_up(patterns: list[CostPattern]) -> None:
    """Both parties recompute the statement with nothing but its own columns."""
    row = settle_one(patterns, replace(TERMS, fee_netting="offset", admin_withhold=Decimal("0.02")))
    assert row.benchmark_amount is not None
    assert row.savings_amount == (row.benchmark_amount - row.actual_amount - row.fee_in_cost_amount)
    assert row.payment_amount == (
        row.earned_amount - row.withheld_amount - row.cap_reduction_amount - row.fee_offset_amount
    )
    assert row.fee_offset_amount == row.fee_amount


def test_a_program_without_members_or_market_is_settled_as_such() -> None:
    """Nobody attributed: a row that says why nothing is paid, and no division by zero."""
    row = settle_one([], quality=None)
    assert row.failed_reasons == "PANEL_TOO_SMALL,REPORTING_FAILED,NO_BENCHMARK"
    assert row.payment_amount == 0
    assert row.savings_amount is None
    panel_only = population("panel", "performance", 12_000, 21_000)
    assert "NO_BENCHMARK" in settle_one(panel_only).failed_reasons


def test_early_claims_and_missing_quality_are_both_told(patterns: list[CostPattern]) -> None:
    """A run in March 2026 cannot settle 2025, and must say everything it can say already."""
    shared = settle_programs(patterns, {}, {"p": TERMS}, "2026-03")
    assert shared.rows[0].failed_reasons == "INCOMPLETE_CLAIMS,REPORTING_FAILED"
    assert shared.rows[0].payment_amount == 0


def test_a_stated_cost_variation_gives_the_probability(patterns: list[CostPattern]) -> None:
    """I.7: without a CV no probability is stated; with one the column is filled."""
    assert settle_one(patterns).probability_if_no_savings is None
    row = settle_one(patterns, replace(TERMS, cost_variation=Decimal("2.5")))
    assert row.probability_if_no_savings == pytest.approx(0.027, abs=5e-3)


def test_cost_of_an_unknown_program_stops_the_run(patterns: list[CostPattern]) -> None:
    """A program whose terms were removed must not vanish silently from payment."""
    with pytest.raises(CareWarehouseError, match=r"data/programs/p\.yml"):
        settle_programs(patterns, {}, {"q": replace(TERMS, program_id="q")}, "2026-06")


def test_the_file_has_equal_bytes_and_exact_money(
    patterns: list[CostPattern], tmp_path: Path
) -> None:
    """DESIGN decisions 2 and 9: equal digests, and DECIMAL to the reader."""
    first = write_shared_savings([settle_one(patterns)], tmp_path / "a")
    second = write_shared_savings([settle_one(patterns[::-1])], tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    schema = pq.read_schema(first)
    assert schema.names == list(SharedSavingsRow.__annotations__)
    assert str(schema.field("payment_amount").type) == "decimal128(18, 2)"
    assert str(schema.field("benchmark_pmpm_amount").type) == "decimal128(18, 6)"
    assert not [
        field.name for field in schema if "amount" in field.name and "dec" not in str(field.type)
    ]


# --- Reading the warehouse and the agreements ----------------------------------------------------


@pytest.fixture(scope="module")
def programs() -> tuple[Program, ...]:
    return load_programs(load_settings({"CARE_CONFIG_DIR": str(PROJECT_ROOT / "data")}))


def test_the_five_programs_terms_can_be_computed(programs: tuple[Program, ...]) -> None:
    """Every agreement in the repository reaches both computations through the ledger's JSON."""
    assert len(programs) >= 5
    for program in programs:
        agreement = agreement_of(program.program_id, program.model_dump_json(), date(2026, 7, 10))
        assert agreement.program == program
        terms = settlement_terms(agreement)
        assert terms.runout_months == agreement.terms.claims.runout_months.settlement
        assert terms.max_rate == agreement.terms.savings.max_rate
        er_terms = er_comparison_terms(agreement)
        assert er_terms.program_name == terms.program_name
        assert not terms.program_name.startswith(program.facts.payer_name)
        assert er_terms.published_basis == agreement.terms.er.market_basis
        assert er_terms.is_whole_state == (not program.facts.market.zip3)
        for partner_id in program.facts.panel_partners():
            assert er_terms.unit_name(partner_id) != partner_id


def test_terms_that_are_not_computed_are_refused_by_name(programs: tuple[Program, ...]) -> None:
    """A valid term that is ignored would pay by a rule nobody agreed to."""
    program = programs[0]
    terms = program.terms[-1]
    changed = terms.model_copy(
        update={
            "savings": terms.savings.model_copy(update={"msr_type": "statistical"}),
            "fee": terms.fee.model_copy(update={"fee_first_year": "planned"}),
        }
    )
    with pytest.raises(ConfigurationError) as caught:
        settlement_terms(Agreement(program, changed))
    assert [problem.place for problem in caught.value.problems] == [
        "terms.savings.msr_type",
        "terms.fee.fee_first_year",
    ]
    assert f"data/programs/{program.program_id}.yml" in str(caught.value)


def test_a_replay_before_the_first_agreement_is_told(programs: tuple[Program, ...]) -> None:
    """An `as_of` older than the contract has no terms to settle by."""
    text = programs[0].model_dump_json()
    with pytest.raises(CareWarehouseError, match="no agreement on or before 2001-01-01"):
        agreement_of(programs[0].program_id, text, date(2001, 1, 1))
    with pytest.raises(CareWarehouseError, match="no program file"):
        agreement_of("p", "{}", date(2026, 7, 10))


def test_programs_are_settled_from_the_warehouse(programs: tuple[Program, ...]) -> None:
    """Partners' own panels are left out, and the newest quality of the period counts."""
    program = programs[0]
    with duckdb.connect() as warehouse:
        warehouse.execute(
            """
            create table stg_ledger__run as
            select date '2026-07-10' as as_of, '2026-06' as claims_through_period
            """
        )
        warehouse.execute(
            "create table stg_ledger__program_terms (program_id varchar, terms_json varchar)"
        )
        warehouse.execute(
            "insert into stg_ledger__program_terms values (?, ?)",
            [program.program_id, program.model_dump_json()],
        )
        warehouse.execute(
            """
            create table stg_ledger__reported_quality as
            select
                $program as program_id, period_start_date, period_end_date,
                quality_score::decimal(7, 4) as quality_score, 1::decimal(7, 4) as weight_scored,
                delivery_order, 1 as row_number
            from (values
                (date '2025-01-01', date '2025-12-31', 0.9, 2),
                (date '2025-01-01', date '2025-12-31', 0.3, 1),
                (date '2024-01-01', date '2024-12-31', 0.1, 3)
            ) as reported (period_start_date, period_end_date, quality_score, delivery_order)
            """,
            {"program": program.program_id},
        )
        warehouse.execute(
            """
            create table int_cost_exposure as
            select
                unit as reporting_unit_id, $program as program_id, null::varchar as partner_id,
                period_role, comparison, '35-44' as age_band, 'F' as sex, tier as condition_tier,
                2000::bigint as persons, 24000::bigint as member_months,
                24000 * 50000::bigint as allowed_cents,
                24000 * 40000::bigint as truncated_allowed_cents
            from unnest([$program, $program || '/partner']) as units (unit)
            cross join unnest(['baseline', 'performance']) as roles (period_role)
            cross join unnest(['panel', 'attributed_elsewhere']) as comparisons (comparison)
            cross join unnest([0, 1]) as tiers (tier)
            """,
            {"program": program.program_id},
        )
        inputs = read_run_inputs(warehouse)
        terms = {program.program_id: settlement_terms(inputs.agreements[0])}
        assert read_qualities(warehouse, terms)[program.program_id].score == Decimal("0.9")
        assert len(read_cost_patterns(warehouse)) == 8
        shared = settle_from_warehouse(warehouse, inputs)
    (row,) = shared.rows
    assert row.performance_member_months == 48_000
    assert row.actual_amount == Decimal("19200000.00")
    assert "NO_SAVINGS" in row.failed_reasons
    assert {factor.period_role for factor in shared.risk_factors} == {"baseline", "performance"}
    assert row.program_name in markdown_table(shared.rows)


def test_a_warehouse_without_a_run_is_told() -> None:
    """An empty run table means an interrupted build, not a run without programs."""
    with duckdb.connect() as warehouse:
        warehouse.execute(
            "create table stg_ledger__run (as_of date, claims_through_period varchar)"
        )
        with pytest.raises(CareWarehouseError, match="make nightly"):
            read_run_inputs(warehouse)
