"""The other outcomes versus market: use, readmission, indexes, experience, access (METHODS H.9)."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from pathlib import Path

import duckdb
import numpy as np
import pytest

from orchestration.errors import ConfigurationError
from orchestration.outcomes import cost_split
from orchestration.outcomes.agreements import Agreement, RunInputs
from orchestration.outcomes.avoidable import FILE, avoidable_visits, load_weights
from orchestration.outcomes.er_row import ALL_OTHERS, ATTRIBUTED_ELSEWHERE
from orchestration.outcomes.others import outcomes_from_warehouse
from orchestration.outcomes.outcome_row import (
    COST_GROUPS,
    DESCRIBED,
    DIABETES,
    EXPERIENCE,
    FEATURES,
    FOLLOW_UP,
    IMAGING,
    INPATIENT,
    QUALITY,
    READMISSION,
    USE,
    OutcomeRow,
    markdown_table,
    write_outcomes,
)
from orchestration.outcomes.shares import ShareCounts, compare_shares
from orchestration.outcomes.standardize import Cell
from orchestration.outcomes.use import UseCell, compare_use, load_events, read_use
from orchestration.programs import load_programs
from orchestration.settings import PROJECT_ROOT, load_settings

PROGRAM = "prohealth_physicians"


@pytest.fixture(scope="module")
def agreement() -> Agreement:
    programs = load_programs(load_settings({"CARE_CONFIG_DIR": str(PROJECT_ROOT / "data")}))
    program = next(one for one in programs if one.program_id == PROGRAM)
    return Agreement(program, program.terms[-1])


def use(rate: float, persons: int = 20_000, seed: int = 1) -> list[UseCell]:
    """Two cells of equal people, the older with three times the use."""
    random = np.random.default_rng(seed)
    cells = []
    for age, times in ((25, 1.0), (45, 3.0)):
        uses = random.poisson(rate * times, persons // 2)
        squares = int((uses**2).sum())
        cells.append(UseCell(Cell(age, "F", 0), 12, persons // 2, int(uses.sum()), squares))
    return cells


def test_use_is_observed_over_expected_with_the_words_of_its_interval(
    agreement: Agreement,
) -> None:
    """A planted fifth less imaging is lower, an equal rate similar, a small panel unstated."""
    market = use(0.05, 80_000, 2)
    less = compare_use(agreement, IMAGING, ATTRIBUTED_ELSEWHERE, use(0.04), market)
    assert less.verdict == "lower"
    assert less.ratio == pytest.approx(0.8, abs=0.05)
    assert less.is_inference
    assert less.panel_value == pytest.approx((less.ratio or 0) * (less.market_value or 0))
    assert less.dispersion == pytest.approx(1.0, abs=0.05)
    same = compare_use(agreement, IMAGING, ALL_OTHERS, use(0.05), market)
    assert (same.verdict, same.is_inference) == ("similar", False)
    few = compare_use(agreement, INPATIENT, ALL_OTHERS, use(0.05, 200), market)
    assert few.verdict == "insufficient"
    assert "fewer than 500 member-years" in few.insufficient_reasons
    nobody = compare_use(agreement, INPATIENT, ALL_OTHERS, [], [])
    assert (nobody.ratio, nobody.verdict) == (None, "insufficient")


def test_dispersion_from_sums_is_the_persons_own(agreement: Agreement) -> None:
    """EX-H3: 880×0, 85×1, 20×2, 8×3, 4×5, 2×9, 1×14 uses have φ = 3.26 about their own mean."""
    persons = {0: 880, 1: 85, 2: 20, 3: 8, 5: 4, 9: 2, 14: 1}
    one = UseCell(
        Cell(25, "F", 0),
        12,
        1_000,
        sum(uses * count for uses, count in persons.items()),
        sum(uses**2 * count for uses, count in persons.items()),
    )
    row = compare_use(agreement, INPATIENT, ALL_OTHERS, [one], [one])
    assert row.ratio == pytest.approx(1)
    assert row.dispersion == pytest.approx(3.26, abs=0.005)


def test_an_index_is_a_relative_difference(agreement: Agreement) -> None:
    """“9 percent better” is 0.654 against 0.6 of the measures met, not nine points."""
    sides = [
        ShareCounts(share, share * (1 - share) / people, people)
        for share, people in ((0.654, 9_000), (0.6, 40_000))
    ]
    row = compare_shares(agreement, DIABETES, *sides)
    assert row.ratio == pytest.approx(1.09)
    assert row.verdict == "higher"
    assert compare_shares(agreement, DIABETES, sides[0], None).ratio is None
    few = compare_shares(agreement, EXPERIENCE, ShareCounts(0.7, 0.01, 20), sides[1], 30)
    assert (few.verdict, few.insufficient_reasons) == (
        "insufficient",
        "fewer than 30 people on a side",
    )


@pytest.fixture
def warehouse(agreement: Agreement) -> duckdb.DuckDBPyConnection:
    """Persons 1 (panel), 2 (attributed elsewhere), 3 (nobody's) and 4 (elsewhere, out of area)."""
    area, connection = agreement.program.facts.market.area_id, duckdb.connect()
    month = 12 * 2025 + 2
    connection.execute(
        f"""
        create table int_person as select range::int as person_key, 'cigna' as payer
        from range(1, 5);
        create table int_outcome_member_period as select * from (values
            ('2025-01-01_2025-12-31', 1, '{PROGRAM}', '{area}', false,
                '25-34', 'F', 0, 12, 12, 2, 1),
            ('2025-01-01_2025-12-31', 2, null, '{area}', true, '25-34', 'F', 0, 12, 12, 1, 0),
            ('2025-01-01_2025-12-31', 3, null, '{area}', false, '25-34', 'F', 0, 12, 12, 1, 0),
            ('2025-01-01_2025-12-31', 4, null, 'far', true, '25-34', 'F', 0, 12, 12, 9, 9)
        ) t(period_id, person_key, program_id, market_area_id, is_attributed_elsewhere,
            age_band_er, sex, condition_count, prior_member_months, member_months,
            ed_visits_all, inpatient_stays);
        create table int_outcome_member_month as
        select person_key, {month} as month_number, program_id, market_area_id,
            is_attributed_elsewhere, 1 as member_months
        from int_outcome_member_period;
        create table int_claim_line as select * from (values
            (1, date '2025-03-05', '70450', 12, true, '11'),
            (1, date '2025-03-05', '70450', 12, true, '22'),
            (1, date '2025-03-06', '70450', 12, true, '23'),
            (1, date '2025-03-20', '71250', 12, true, '11'),
            (1, date '2025-03-25', '71250', 12, true, '11'),
            (1, date '2025-03-07', '99213', 21, true, '11'),
            (1, date '2025-03-09', 'S9083', 8, true, '20'),
            (1, date '2025-03-09', '99213', 8, true, '20'),
            (2, date '2025-03-05', '70450', 12, false, '11'),
            (2, date '2025-03-05', '71250', 12, true, null)
        ) t(person_key, from_date, hcpcs_code, service_category, is_counted,
            place_of_service_code);
        alter table int_claim_line add column incurred_date date;
        alter table int_claim_line add column allowed_cents bigint default 100;
        alter table int_claim_line add column claim_key bigint default 1;
        update int_claim_line set incurred_date = from_date,
            allowed_cents = case person_key when 2 then 300 else 100 end;
        create table int_pharmacy_fill as select * from (values
            (1, date '2025-03-02', '00001', 30, 1000), (2, date '2025-03-02', '00001', 30, 4000),
            (2, date '2025-03-03', '00001', 90, 0), (1, date '2024-03-02', '00001', 30, 9999)
        ) t(person_key, fill_date, ndc_code, days_supply, allowed_cents);
        create table int_ed_visit as select 1 as person_key, date '2025-03-20' as visit_start_date,
            date '2025-03-20' as visit_end_date, 'M5450' as principal_diagnosis_code,
            true as is_treat_and_release;
        create table int_inpatient_stay as select 1 as person_key,
            date '2025-03-24' as admission_date, date '2025-03-26' as discharge_date;
        create table int_index_stay as select * from (values
            (1, date '2025-03-26', null, true), (2, date '2025-03-02', null, false),
            (2, date '2025-03-09', 'DIED', false), (3, date '2025-03-09', null, true)
        ) t(person_key, discharge_date, plan_exclusion, is_readmitted);
        create table quality_measure as select * from (values
            ('M05', '1', 1.0), ('M30', '1', 1.0), ('M06', '1', 3.0), ('M06B', '1', 0.0)
        ) t(measure_id, measure_version, weight);
        create table agg_quality_measure as select * from (values
            ('{PROGRAM}', 2025, 'panel', null, 'M05', '1', true, true, 80, 100),
            ('{PROGRAM}', 2025, 'panel', 'l', 'M05', '1', true, true, 8, 10),
            ('{PROGRAM}', 2025, 'panel', null, 'M06', '1', false, true, 30, 100),
            ('{PROGRAM}', 2025, 'panel', null, 'M06B', '1', true, true, 1, 100),
            ('{PROGRAM}', 2024, 'panel', null, 'M05', '1', true, true, 1, 100),
            ('{PROGRAM}', 2025, 'attributed_elsewhere', null, 'M05', '1', true, true, 70, 100),
            ('{PROGRAM}', 2025, 'whole_market', null, 'M05', '1', true, true, 1, 100)
        ) t(program_id, measure_year, population, practice_id, measure_id, measure_version,
            is_higher_better, is_measurable, numerator_count, denominator_count);
        create table int_practice as select '{PROGRAM}' as program_id, 'l' as practice_id;
        create table stg_ledger__patient_experience as select * from (values
            ('cigna', 's', 'l', 40, 0.9, 0.8, 0.7, date '2025-06-30', 1, 1),
            ('cigna', 's', 'l', 40, 0.1, 0.1, 0.1, date '2025-06-30', 0, 1),
            ('cigna', 's', 'm', 50, 0.6, 0.6, 0.6, date '2025-06-30', 1, 2),
            ('cigna', 's', 'm', 50, 0.1, 0.1, 0.1, date '2024-06-30', 2, 2)
        ) t(payer, survey_id, practice_id, respondents, access_score, communication_score,
            coordination_score, survey_date, delivery_order, row_number)
        where survey_date >= date '2025-01-01';
        create table stg_ledger__practice_profile as select 'cigna' as payer, 'l' as practice_id,
            date '2023-01-01' as profile_start_date, date '9999-12-31' as profile_end_date,
            true as has_extended_hours, false as has_weekend_telephone,
            true as has_weekend_acute_care, date '2020-01-01' as ehr_since_date,
            date '2026-01-01' as e_prescribing_since_date, 1 as delivery_order, 1 as row_number;
        create table int_quality_member as
        select 1 as person_key, '{PROGRAM}' as program_id, 'l' as practice_id,
            date '2025-12-31' as period_end_date
        from range(40)
        """
    )
    return connection


def test_outcomes_are_read_where_people_belonged(
    warehouse: duckdb.DuckDBPyConnection, agreement: Agreement, tmp_path: Path
) -> None:
    """Imaging once a day and code, outside of ED and hospital; stays where the month belonged."""
    inputs = RunInputs(date(2026, 7, 10), "2026-06", (agreement,))
    rows = outcomes_from_warehouse(warehouse, inputs)

    def of(outcome: str, basis: str = ATTRIBUTED_ELSEWHERE) -> OutcomeRow:
        (row,) = [row for row in rows if (row.outcome, row.market_basis) == (outcome, basis)]
        return row

    assert (of(IMAGING).panel_count, of(IMAGING).market_count) == (1, 1)
    assert (of("er_all").panel_count, of("er_all").market_count) == (2, 1)
    assert of("er_all", ALL_OTHERS).market_count == 2
    assert (of(READMISSION).panel_count, of(READMISSION).market_count) == (1, 0)
    assert of(READMISSION, ALL_OTHERS).market_count == 1
    assert of(QUALITY).panel_value == pytest.approx((80 + 3 * 70) / 400)
    assert of(QUALITY).market_value == pytest.approx(0.7)
    assert of(DIABETES).ratio == pytest.approx(0.725 / 0.7)
    assert of(FOLLOW_UP).insufficient_reasons == "not delivered or not measurable"
    assert of(EXPERIENCE).panel_value == pytest.approx(0.8)
    assert of(EXPERIENCE).market_value == pytest.approx(0.6)
    assert of("extended_hours").panel_value == 1
    assert of("e_prescribing").panel_value == 0
    assert of("ehr").verdict == DESCRIBED
    assert of("urgent_care").panel_count == 1, "a day of urgent care is one visit"
    assert "nyu_ed_weights.csv" in of("er_avoidable").insufficient_reasons
    assert of("cost_pharmacy").panel_value == pytest.approx(10 / 12)
    assert of("cost_pharmacy").market_value == pytest.approx(40 / 12)
    assert of("cost_pharmacy").panel_count == 1
    assert of("cost_pharmacy").price_ratio is None, "one person is not told of"
    assert len(rows) == 2 * (len(USE) + 1) + 4 + len(FEATURES) + len(COST_GROUPS)
    assert "Experience" not in markdown_table([])
    paths = [write_outcomes(rows, tmp_path / name) for name in "ab"]
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_cost_is_split_into_price_and_use(
    warehouse: duckdb.DuckDBPyConnection, agreement: Agreement
) -> None:
    """A group that buys the same for half the price must not be praised for using less."""
    load_events(warehouse, (agreement,), None)
    used = read_use(warehouse)
    costs = cost_split.read_costs(warehouse, (agreement,), used)
    assert costs.at_market_prices[PROGRAM, "cost_pharmacy"] == (1_000, 1_000), "120 days for 40.00"
    imaging = (500, 2 * 300 + 3 * 100)
    assert costs.at_market_prices[PROGRAM, "cost_imaging"] == imaging, "70450 only the panel had"
    groups = [outcome for outcome in COST_GROUPS if (PROGRAM, outcome) in costs.at_market_prices]
    parts = [costs.at_market_prices[PROGRAM, one] for one in groups if one != "cost_all"]
    assert tuple(map(sum, zip(*parts, strict=True))) == costs.at_market_prices[PROGRAM, "cost_all"]

    sides = {"panel": use(500.0, 20_000, 3), ATTRIBUTED_ELSEWHERE: use(1_000.0, 80_000, 4)}
    made = cost_split.Costs(
        cells={(PROGRAM, "cost_visits", side): cells for side, cells in sides.items()},
        people={(PROGRAM, "cost_visits", side): 20_000 for side in sides},
        at_market_prices={(PROGRAM, "cost_visits"): (300, 400)},
    )
    rows = {row.outcome: row for row in cost_split.compare_costs(agreement, made)}
    row = rows["cost_visits"]
    assert row.verdict == "lower"
    assert row.ratio == pytest.approx(0.5, rel=0.01)
    assert (row.price_ratio, row.use_ratio) == (0.75, pytest.approx(0.5 / 0.75, rel=0.01))
    assert row.market_value == pytest.approx(20 / 12, rel=0.01), "dollars a member and month"
    assert rows["cost_imaging"].verdict == "insufficient"


PUBLISHED_WEIGHTS = """\
icd10_code,non_emergent,primary_care_treatable,ed_needed_preventable,ed_needed_not_preventable,\
injury,mental_health,alcohol,drug,unclassified
J06.9,0,0.8226,0.1774,0,0,0,0,0,0
R07.9,0,0.3239,0,0.6761,0,0,0,0,0
J45.901,0,0.0189,0.9811,0,0,0,0,0,0
M54.5,0.7361,0.1528,0,0.1111,0,0,0,0,0
S93.401A,0,0,0,0,1,0,0,0,0
"""


def test_avoidable_visits_are_sums_of_fractions(
    warehouse: duckdb.DuckDBPyConnection, agreement: Agreement, tmp_path: Path
) -> None:
    """EX-H5: J06.9, R07.9, J45.901 and M54.50 (by its parent M54.5) are 2.054 of 4 visits."""
    assert load_weights(tmp_path) is None
    path = tmp_path / FILE
    path.parent.mkdir()
    path.write_text(PUBLISHED_WEIGHTS)
    weights = load_weights(tmp_path)
    assert weights is not None
    found = avoidable_visits(["J06.9", "R07.9", "J45.901", "M54.50"], weights)
    assert round(found, 3) == Decimal("2.054")
    assert weights.of("Z9999") == (0, 10_000), "unclassified, and told as such"

    inputs = RunInputs(date(2026, 7, 10), "2026-06", (agreement,))
    rows = {
        (row.outcome, row.market_basis): row
        for row in outcomes_from_warehouse(warehouse, inputs, weights)
    }
    row = rows["er_avoidable", ATTRIBUTED_ELSEWHERE]
    assert row.insufficient_reasons.startswith("fewer than 500 member-years, fewer than 11")
    assert rows["er_unclassified", ATTRIBUTED_ELSEWHERE].verdict == "insufficient"
    load_events(warehouse, (agreement,), weights)
    (one,) = read_use(warehouse)[PROGRAM, "er_avoidable", "panel"]
    assert (one.uses, one.squares) == (8_889, 8_889**2)

    path.write_text(PUBLISHED_WEIGHTS + "J06.9,0,0,0,0,0,0,0,0,0.5\n")
    with pytest.raises(ConfigurationError, match=r"line 7.*add up to 1") as told:
        load_weights(tmp_path)
    assert "one line" in str(told.value)


def test_fractions_are_judged_by_what_is_told(agreement: Agreement) -> None:
    """Ten-thousandths of a visit must not make ten visits a hundred thousand."""
    whole, market = use(0.05), use(0.05, 80_000, 2)
    parts = [
        [replace(one, uses=10_000 * one.uses, squares=10_000**2 * one.squares) for one in side]
        for side in (whole, market)
    ]
    as_visits = compare_use(agreement, IMAGING, ALL_OTHERS, whole, market)
    as_parts = compare_use(agreement, "er_avoidable", ALL_OTHERS, *parts)
    for name in ("panel_count", "expected_count", "panel_value", "interval_lower", "dispersion"):
        assert getattr(as_parts, name) == pytest.approx(getattr(as_visits, name)), name
