"""From cost exposures to settled programs (METHODS G.3, I)."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest

from orchestration.errors import CareWarehouseError, ConfigurationError
from orchestration.outcomes.agreements import Agreement, agreement_of, read_run_inputs
from orchestration.outcomes.er_terms import er_comparison_terms
from orchestration.outcomes.risk import CONDITION_FLAGS, CostExposure, RiskCell, flags_of
from orchestration.outcomes.risk_payer import MeanScore
from orchestration.outcomes.risk_score import write_risk_scores
from orchestration.payment.completion import fit_completion, month_number
from orchestration.payment.costs import (
    MEMBERS,
    CostPattern,
    CostSpread,
    load_members,
    read_cost_patterns,
)
from orchestration.payment.money import rounded
from orchestration.payment.report import markdown_table
from orchestration.payment.settlement import (
    Evidence,
    SharedSavingsRow,
    read_qualities,
    settle_from_warehouse,
    settle_programs,
    write_shared_savings,
)
from orchestration.payment.shared_savings import Quality
from orchestration.payment.terms import PayForPerformance, SettlementTerms, settlement_terms
from orchestration.programs import P4pTerms, Program, load_programs
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
    """Every cell and three sets of conditions with equal months; cost grows with them."""
    return [
        CostPattern(
            program_id="p",
            period_role=role,
            comparison=comparison,
            persons=months_a_cell // 12,
            exposure=CostExposure(
                cell, flags_of(tier), months_a_cell, months_a_cell * pmpm_cents * (1 + tier)
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
        *population("market", "baseline", 120_000, 20_000),
        *population("market", "performance", 120_000, 22_000),
    ]


def settle_one(
    patterns: Sequence[CostPattern],
    terms: SettlementTerms = TERMS,
    quality: Quality | None = QUALITY,
    spread: CostSpread | None = None,
) -> SharedSavingsRow:
    evidence = Evidence(
        patterns,
        {} if quality is None else {"p": quality},
        {} if spread is None else {"p": spread},
    )
    (row,) = settle_programs(evidence, {"p": terms}, "2026-06").rows
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


def test_risk_scores_are_relative_to_the_market_of_their_year(
    patterns: list[CostPattern],
) -> None:
    """G.3 step 4: the market's mean is 1 in each year, so the panel's score says all."""
    row = settle_one(patterns)
    assert row.market_baseline_risk_score == 1
    assert row.market_performance_risk_score == 1
    assert row.panel_baseline_risk_score == 1
    assert row.panel_performance_risk_score == 1


def test_the_payers_own_scores_count_where_the_terms_say_so(patterns: list[CostPattern]) -> None:
    """docs/adr/0021: panel over market mean, never the raw score; without scores no benchmark."""
    terms = replace(TERMS, risk_source="payer")
    means = {("panel", "baseline"): 2, ("market", "baseline"): 2}
    means |= {("panel", "performance"): Fraction(606, 100), ("market", "performance"): 6}
    scores = {
        ("p", role, side): MeanScore(Fraction(mean) * 12, 12, 12)
        for (side, role), mean in means.items()
    }
    (row,) = settle_programs(
        Evidence(patterns, {"p": QUALITY}, payer_scores=scores), {"p": terms}, "2026-06"
    ).rows
    assert row.market_performance_risk_score == 1
    assert row.panel_baseline_risk_score == 1
    assert row.panel_performance_risk_score == Decimal("1.01")
    assert row.benchmark_pmpm_amount == Decimal("555.500000")
    del scores["p", "baseline", "market"]
    (row,) = settle_programs(
        Evidence(patterns, {"p": QUALITY}, payer_scores=scores), {"p": terms}, "2026-06"
    ).rows
    assert row.benchmark_pmpm_amount is None
    assert not row.is_eligible


def test_a_sicker_panel_raises_its_benchmark_up_to_the_cap(patterns: list[CostPattern]) -> None:
    """I.2: risk growth beyond 3 % is not paid for."""
    sicker = [
        pattern
        for pattern in patterns
        if pattern[1:3] != ("performance", "panel") or len(pattern.exposure.flags) == 2
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
    shared = settle_programs(Evidence(patterns), {"p": TERMS}, "2026-03")
    assert shared.rows[0].failed_reasons == "INCOMPLETE_CLAIMS,REPORTING_FAILED"
    assert shared.rows[0].payment_amount == 0


def test_the_panels_own_spread_gives_the_probability(patterns: list[CostPattern]) -> None:
    """I.7: without members there is no CV, so no probability; ρ of the base year widens it."""
    assert settle_one(patterns).probability_if_no_savings is None
    alone = settle_one(patterns, spread=CostSpread(2.5, None))
    assert alone.probability_if_no_savings == pytest.approx(0.027, abs=5e-3)
    widened = settle_one(patterns, spread=CostSpread(2.5, 0.4))
    assert widened.probability_if_no_savings is not None
    assert widened.probability_if_no_savings > alone.probability_if_no_savings
    concurrent = replace(TERMS, benchmark_method="concurrent_market")
    assert (
        settle_one(patterns, concurrent, spread=CostSpread(2.5, 0.4)).savings_standard_error_percent
        == alone.savings_standard_error_percent
    )


def test_a_statistical_rate_follows_the_panels_spread(patterns: list[CostPattern]) -> None:
    """I.3: at 95 % confidence 4 % of savings pass with a CV of 1.5, and fail with 3.5."""
    terms = replace(TERMS, msr_type="statistical")
    calm, wild = CostSpread(1.5, 0.5), CostSpread(3.5, 0.5)
    assert settle_one(patterns, terms, spread=calm).is_eligible
    assert settle_one(patterns, terms, spread=wild).failed_reasons == "BELOW_MSR"
    lower = replace(terms, msr_confidence=Decimal("0.90"))
    assert (
        settle_one(patterns, lower, spread=calm).msr_percent
        < settle_one(patterns, terms, spread=calm).msr_percent
    )
    assert settle_one(patterns, terms).msr_percent == 100, "no spread, no savings beyond chance"


def test_base_years_are_weighted_each_with_its_own_trend(patterns: list[CostPattern]) -> None:
    """I.2: 400 in an earlier year whose market rose from 400 to 550, 500 in the baseline."""
    earlier = [
        *population("panel", "baseline_2", 12_000, 16_000),
        *population("market", "baseline_2", 120_000, 17_600),
    ]
    terms = replace(
        TERMS,
        base_weights=(Decimal("0.4"), Decimal("0.6")),
        earlier_base_years=((date(2023, 1, 1), date(2023, 12, 31)),),
    )
    row = settle_one([*patterns, *earlier], terms)
    assert row.benchmark_pmpm_amount == Decimal("0.4") * 500 + Decimal("0.6") * 550
    assert settle_one(patterns, terms).failed_reasons.endswith("NO_BENCHMARK")


def test_claims_not_yet_paid_complete_panel_and_market_alike(patterns: list[CostPattern]) -> None:
    """A.8: half of December is unpaid; both sides grow by one factor, and cf_min replaces it."""
    start, through = month_number("2023-01"), month_number("2025-12")
    triangle = {
        (month, lag): 100
        for month in range(start, through + 1)
        for lag in range(min(2, through - month + 1))
    }
    months = dict.fromkeys(range(start, through + 1), 1)
    completion = fit_completion({"professional": triangle}, months, through, 12)
    evidence = Evidence(patterns, {"p": QUALITY}, completions={"p": completion})
    terms = replace(TERMS, cf_min=Decimal("0.10"), fee_netting="none")
    (row,) = settle_programs(evidence, {"p": terms}, "2026-06").rows
    assert row.completion_ratio == Decimal("1.043478260870"), "2,400 over 2,300"
    plain = settle_one(patterns, terms)
    assert row.actual_amount > plain.actual_amount
    assert row.savings_percent == pytest.approx(plain.savings_percent, abs=Decimal("0.001"))


def test_pay_for_performance_is_paid_beside_shared_savings(patterns: list[CostPattern]) -> None:
    """J.3: $1 a member month × the payout of 0.80; a trend gate that the panel's −5 points pass."""
    assert settle_one(patterns).p4p_payment_amount is None
    row = settle_one(patterns, replace(TERMS, p4p=PayForPerformance()))
    assert row.p4p_payment_amount == row.p4p_pool_amount == Decimal("192000.00")
    gated = PayForPerformance(max_trend_points=Decimal("-6"))
    row = settle_one(patterns, replace(TERMS, p4p=gated))
    assert (row.p4p_payment_amount, row.p4p_failed_reasons) == (0, "TREND_TOO_HIGH")


def test_cost_of_an_unknown_program_stops_the_run(patterns: list[CostPattern]) -> None:
    """A program whose terms were removed must not vanish silently from payment."""
    with pytest.raises(CareWarehouseError, match=r"data/programs/p\.yml"):
        settle_programs(Evidence(patterns), {"q": replace(TERMS, program_id="q")}, "2026-06")


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
            "risk": terms.risk.model_copy(update={"risk_source": "hhs_hcc"}),
            "attribution": terms.attribution.model_copy(
                update={"panel_basis": "retrospective_end"}
            ),
        }
    )
    with pytest.raises(ConfigurationError) as caught:
        settlement_terms(Agreement(program, changed))
    assert [problem.place for problem in caught.value.problems] == [
        "terms.risk.risk_source",
        "terms.attribution.panel_basis",
    ]
    assert f"data/programs/{program.program_id}.yml" in str(caught.value)


def test_terms_agreed_later_in_this_code_do_not_change_older_agreements(
    programs: tuple[Program, ...],
) -> None:
    """The ledger keeps an agreement's digest: a new optional term must not enter its text."""
    bare = (
        programs[0]
        .terms[-1]
        .model_copy(
            update={
                "p4p": None,
                "share_out": None,
                "share_out_quality": None,
                "terminated_on": None,
            }
        )
    )
    told = json.loads(bare.model_dump_json())
    assert not {"p4p", "share_out", "share_out_quality", "terminated_on"} & set(told)
    assert set(json.loads(P4pTerms().model_dump_json())) == {
        "p4p_pmpm",
        "min_weight_scored",
        "payout",
        "max_trend_points",
    }
    ended = bare.model_copy(update={"terminated_on": date(2025, 6, 30), "p4p": P4pTerms()})
    terms = settlement_terms(Agreement(programs[0], ended))
    assert terms.is_terminated
    assert terms.p4p == PayForPerformance()
    last_day = ended.model_copy(update={"terminated_on": ended.performance.end_date})
    assert not settlement_terms(Agreement(programs[0], last_day)).is_terminated


def test_base_years_precede_the_baseline(programs: tuple[Program, ...]) -> None:
    """Three weights are three whole years, oldest first, also for a year that starts in March."""
    program = programs[0]
    text = json.loads(program.model_dump_json())
    text["terms"][-1]["baseline"] = {"start_date": "2023-03-01", "end_date": "2024-02-29"}
    text["terms"][-1]["performance"] = {"start_date": "2024-03-01", "end_date": "2025-02-28"}
    text["terms"][-1]["savings"]["base_weights"] = ["0.1", "0.3", "0.6"]
    agreement = agreement_of(program.program_id, json.dumps(text), date(2026, 7, 10))
    assert settlement_terms(agreement).roles()[:3] == (
        ("baseline_3", date(2021, 3, 1), date(2022, 2, 28)),
        ("baseline_2", date(2022, 3, 1), date(2023, 2, 28)),
        ("baseline", date(2023, 3, 1), date(2024, 2, 29)),
    )


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
        make_members(warehouse, program.program_id, program.facts.market.area_id)
        inputs = read_run_inputs(warehouse)
        terms = {program.program_id: settlement_terms(inputs.agreements[0])}
        assert read_qualities(warehouse, terms)[program.program_id].score == Decimal("0.9")
        shared = settle_from_warehouse(warehouse, inputs)
    (row,) = shared.rows
    assert row.performance_persons == 2_000
    assert row.performance_member_months == 24_000
    assert row.completion_ratio == 1
    assert row.probability_if_no_savings is not None
    assert {factor.period_role for factor in shared.risk_factors} == {"baseline", "performance"}
    assert row.program_name in markdown_table(shared.rows)


def make_members(
    warehouse: duckdb.DuckDBPyConnection, program_id: str, area_id: str, payer: str = "cigna"
) -> None:
    """2,000 members of the program, as many attributed elsewhere, of no group, and out of area."""
    warehouse.execute(
        """
        create or replace table int_person as
        select range::int as person_key, 'P' || range as person_id, $payer as payer, 1 as payer_key
        from range(8000);
        """,
        {"payer": payer},
    )
    warehouse.execute(
        """
        create or replace table int_outcome_member_period as
        select
            period_id, range::int as person_key,
            case when range < 6000 then $area else 'far' end as market_area_id,
            case when range < 2000 then $program end as program_id,
            'F' as sex, '35-44' as age_band_risk,
            12 as prior_member_months, 12 as member_months,
            (50000 + (range % 7) * 100000)::bigint as medical_allowed_cents,
            1000::bigint as rx_allowed_cents,
            range between 2000 and 3999 or range >= 6000 as is_attributed_elsewhere
        from range(8000)
        cross join unnest(['2024-01-01_2024-12-31', '2025-01-01_2025-12-31']) as p (period_id)
        """,
        {"area": area_id, "program": program_id},
    )
    warehouse.execute(
        f"""
        create or replace table int_risk_condition as
        select
            range::int as person_key, as_of_date, true as has_diabetes,
            {", ".join(f"range % 3 = 0 as has_{flag}" for flag in CONDITION_FLAGS[1:])}
        from range(1, 8000, 2)
        cross join unnest([date '2023-12-31', date '2024-12-31']) as d (as_of_date)
        """
    )
    warehouse.execute(
        """
        create table int_payment_triangle (
            payer varchar, cost_category varchar, incurred_month_number int, lag_months int,
            allowed_cents bigint
        );
        create table int_payer_rule as select 1 as payer_key, 'cigna' as payer;
        create table int_member_month_counted (
            person_key int, payer_key int, month_number int, is_medical boolean,
            is_program_product boolean
        );
        """
    )


def totals(
    warehouse: duckdb.DuckDBPyConnection, terms: SettlementTerms, side: str, role: str
) -> tuple[int, int]:
    """Persons and truncated cents of one side and period under the terms."""
    load_members(warehouse, {"p": terms})
    patterns = [
        pattern
        for pattern in read_cost_patterns(warehouse)
        if (pattern.comparison, pattern.period_role) == (side, role)
    ]
    return (
        sum(pattern.persons for pattern in patterns),
        sum(pattern.exposure.truncated_cents for pattern in patterns),
    )


MEMBER_TERMS = replace(TERMS, payer="cigna", market_area_id="here")


def test_the_terms_say_who_is_the_market_and_what_cost_counts() -> None:
    """H.2, A.9: basis, pharmacy, cap, prorated cap and months before the period each matter."""
    with duckdb.connect() as warehouse:
        make_members(warehouse, "p", "here")
        assert totals(warehouse, MEMBER_TERMS, "market", "performance")[0] == 2_000
        everyone = replace(MEMBER_TERMS, savings_market_basis="all_others")
        assert totals(warehouse, everyone, "market", "performance")[0] == 4_000
        persons, cents = totals(warehouse, MEMBER_TERMS, "panel", "performance")
        assert persons == 2_000
        without_rx = replace(MEMBER_TERMS, include_rx=False)
        assert totals(warehouse, without_rx, "panel", "performance")[1] == cents - 2_000 * 1_000
        capped = replace(MEMBER_TERMS, truncation=Decimal("10.00"))
        assert totals(warehouse, capped, "panel", "performance")[1] == 2_000 * 1_000
        newcomers = replace(MEMBER_TERMS, min_member_months=13)
        assert totals(warehouse, newcomers, "panel", "performance")[0] == 0
        warehouse.execute("update int_outcome_member_period set member_months = 6")
        prorated = replace(capped, prorate_cap=True)
        assert totals(warehouse, prorated, "panel", "performance")[1] == 2_000 * 500


def test_conditions_count_where_the_year_before_is_known(tmp_path: Path) -> None:
    """G.3: flags of the day before the period, none with fewer than 3 member months before it."""
    with duckdb.connect() as warehouse:
        make_members(warehouse, "p", "here")
        load_members(warehouse, {"p": replace(MEMBER_TERMS, min_member_months=0)})
        patterns = read_cost_patterns(warehouse)
        of_panel = {
            pattern.exposure.flags: pattern
            for pattern in patterns
            if (pattern.comparison, pattern.period_role) == ("panel", "performance")
        }
        assert set(of_panel) == {frozenset(), flags_of(1), frozenset(CONDITION_FLAGS)}
        settled = settle_programs(
            Evidence(patterns), {"p": replace(MEMBER_TERMS, min_member_months=0)}, "2026-06"
        )
        path = write_risk_scores(warehouse, MEMBERS, settled.risk_models, tmp_path)
        scores = pq.read_table(path).to_pylist()
        assert len(scores) == 2 * 2_000
        first = next(row for row in scores if row["person_id"] == "P1")
        model = settled.risk_models["p", "baseline"]
        assert first["conditions"] == "diabetes"
        assert first["risk_score"] == rounded(model.score(RiskCell(35, "F"), ("diabetes",)), 6)
        mean = sum(row["risk_score"] * row["member_months"] for row in scores[:2_000]) / 24_000
        assert float(mean) == pytest.approx(float(settled.rows[0].panel_baseline_risk_score or 0))
        warehouse.execute("update int_outcome_member_period set prior_member_months = 2")
        load_members(warehouse, {"p": replace(MEMBER_TERMS, min_member_months=0)})
        assert {pattern.exposure.flags for pattern in read_cost_patterns(warehouse)} == {
            frozenset()
        }


def test_a_trended_cap_follows_the_markets_uncapped_cost() -> None:
    """A.9: `trend_cap` doubles the performance year's cap where the market doubled, no other's."""
    with duckdb.connect() as warehouse:
        make_members(warehouse, "p", "here")
        warehouse.execute(
            """
            update int_outcome_member_period
            set
                medical_allowed_cents = 2 * medical_allowed_cents,
                rx_allowed_cents = 2 * rx_allowed_cents
            where period_id like '2025%'
            """
        )
        fixed = replace(MEMBER_TERMS, truncation=Decimal("100.00"))
        trended = replace(fixed, trend_cap=True)
        assert totals(warehouse, fixed, "panel", "performance")[1] == 2_000 * 10_000
        assert totals(warehouse, trended, "panel", "performance")[1] == 2_000 * 20_000
        assert totals(warehouse, trended, "panel", "baseline")[1] == 2_000 * 10_000


def test_a_warehouse_without_a_run_is_told() -> None:
    """An empty run table means an interrupted build, not a run without programs."""
    with duckdb.connect() as warehouse:
        warehouse.execute(
            "create table stg_ledger__run (as_of date, claims_through_period varchar)"
        )
        with pytest.raises(CareWarehouseError, match="make nightly"):
            read_run_inputs(warehouse)
