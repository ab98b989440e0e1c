"""Every expectation fires on its own defect and on no other; what cannot be judged never passes."""

import sys
from collections.abc import Callable, Sequence

import pandas as pd
import pytest
from great_expectations.expectations.expectation import Expectation

from expectations import suites
from expectations.registry import EXPECTATION_CHECKS, FEED_SUITES, MART_SUITES, OUTCOME_SUITES
from expectations.restricted import RESTRICTED_SUITES
from expectations.suites import Suite, between, name_of, validate

ALL_SUITES = [
    *(suite for _, suite in FEED_SUITES),
    *MART_SUITES,
    *(suite for _, suite in RESTRICTED_SUITES),
    *OUTCOME_SUITES,
]

PLAUSIBLE: dict[str, dict[str, object]] = {
    "eligibility": {
        "row_count": 3_000,
        "age__min": 0,
        "age__max": 64,
        "age__mean": 34,
        "is_female__mean": 0.5,
        "is_sex_unknown__mean": 0.001,
        "is_medical__mean": 0.92,
        "starts_late__mean": 0,
        "is_cancelled__mean": 0.01,
        "has_died__mean": 0.001,
        "state__null_share": 0,
        "zip_code__null_share": 0.001,
    },
    "medical_claims": {
        "row_count": 2_500,
        "person_id__distinct": 900,
        "allowed_amount__mean": 320,
        "is_paid_above_allowed__mean": 0,
        "is_denied__mean": 0.02,
        "is_reversed__mean": 0.02,
        "is_institutional__mean": 0.16,
        "is_ed_evidence__mean": 0.035,
        "is_office_visit__mean": 0.2,
        "is_paid_in_period__mean": 0.998,
        "paid_lag_days__mean": 29,
        "line_number__mean": 1.7,
        "diagnosis_code_1__null_share": 0,
        "office_visit_npi__mean": 0.99,
        "billing_tin__null_share": 0,
    },
    "pharmacy_claims": {
        "row_count": 650,
        "person_id__distinct": 520,
        "allowed_amount__mean": 120,
        "is_paid_above_allowed__mean": 0,
        "days_supply__min": -90,
        "days_supply__max": 90,
        "days_supply__mean": 28,
        "is_reversed__mean": 0.01,
        "is_paid_in_period__mean": 0.999,
        "ndc_code__null_share": 0,
        "ndc_code__distinct": 31,
        "prescriber_npi__null_share": 0,
    },
    "provider_roster": {
        "row_count": 300,
        "npi__distinct": 290,
        "pcp__max": 1,
        "ends_in_order__min": 1,
        "is_open__max": 1,
        "starts_late__mean": 0,
        "specialty_code__null_share": 0,
    },
    "reported_quality": {
        "row_count": 5,
        "quality_score__min": 0.5,
        "quality_score__max": 0.8,
        "weight_scored__min": 0.9,
        "weight_scored__max": 0.95,
        "period_days__min": 365,
        "period_days__max": 366,
        "days_since_period__min": 181,
    },
    "adt_events": {
        "row_count": 600,
        "is_discharge__mean": 0.34,
        "is_admission__mean": 0.36,
        "is_cancelled__mean": 0.02,
        "told_after_hours__mean": 0.4,
        "days_before_delivery__min": 1,
        "days_before_delivery__max": 31,
        "visit_number__distinct": 230,
        "person_id__null_share": 0.1,
        "last_name__null_share": 0,
        "birth_date__null_share": 0,
        "facility_npi__null_share": 0,
        "diagnosis_code__null_share": 0.3,
    },
    "care_log": {
        "row_count": 400,
        "person_id__distinct": 300,
        "is_outreach__mean": 0.5,
        "is_reached__mean": 0.6,
        "days_before_delivery__min": 1,
        "days_before_delivery__max": 92,
        "outcome__null_share": 0,
        "task__null_share": 0.05,
    },
    "member_contact": {
        "row_count": 60_000,
        "person_id__distinct": 60_000,
        "last_name__distinct": 120,
        "phone_number__distinct": 20_000,
        "phone_number__null_share": 0.02,
        "opted_out__mean": 0.01,
        "language_code__null_share": 0,
    },
    "support_program_enrollment": {
        "row_count": 2_000,
        "person_id__distinct": 1_900,
        "is_offered__mean": 0.97,
        "is_enrolled__mean": 0.4,
        "is_declined__mean": 0.3,
        "ends_in_order__min": 1,
    },
    "payer_gap_report": {
        "row_count": 6_000,
        "person_id__distinct": 5_000,
        "gap_code__distinct": 4,
        "is_due__mean": 0.9,
        "days_before_delivery__min": 10,
        "days_before_delivery__max": 10,
    },
    "payer_risk_score": {
        "row_count": 30_000,
        "person_id__distinct": 30_000,
        "model_name__distinct": 1,
        "risk_score__distinct": 300,
        "risk_score__mean": 1.1,
        "days_before_delivery__min": 10,
    },
    "practice_profile": {
        "row_count": 80,
        "practice_id__distinct": 80,
        "is_in_force__max": 1,
        "weekday_hours__min": 8,
        "weekday_hours__max": 11.5,
        "ehr_since_date__null_share": 0,
        "extended_hours__null_share": 0,
    },
    "patient_experience": {
        "row_count": 160,
        "practice_id__distinct": 80,
        "respondents__max": 89,
        "access_score__mean": 0.72,
        "communication_score__mean": 0.8,
        "coordination_score__mean": 0.7,
        "overall_score__mean": 0.75,
    },
    "clinical_results": {
        "row_count": 6_000,
        "a1c_value__min": 4.4,
        "a1c_value__max": 14.2,
        "systolic_value__min": 92,
        "systolic_value__max": 204,
        "diastolic_value__min": 51,
        "diastolic_value__max": 118,
        "is_cancelled__mean": 0.004,
        "days_to_delivery__min": 9,
    },
    "dim_program": {
        "program_id": "program",
        "expected_members": 16_000,
        "lookback_months": 24,
        "outcome_lag_months": 1,
        "truncation_amount": 100_000.0,
        "baseline_end_date": "2024-12-31",
        "performance_start_date": "2025-01-01",
        "performance_end_date": "2025-12-31",
    },
    "agg_attribution": {
        "snapshot_date": "2025-01-31",
        "panel": "panel",
        "partner_id": "none",
        "practice_id": "none",
        "reason": "VISITS",
        "members": 400,
        "new_members": 12,
        "tied_members": 3,
    },
    "agg_member_month": {
        "month_start_date": "2025-01-01",
        "payer": "payer",
        "market_area_id": "area",
        "product": "product",
        "members": 60_000,
        "members_with_rx": 50_000,
        "member_months": 60_000.0,
    },
    "agg_program_utilization": {
        "program_id": "program",
        "month_start_date": "2025-01-01",
        "member_months": 16_000,
        "ed_visits": 270,
        "ed_visits_all": 340,
        "inpatient_stays": 80,
        "office_visits": 4_000,
        "ed_visits_per_1000": 202.5,
        "inpatient_stays_per_1000": 60.0,
        "allowed_pmpm_amount": 430.0,
    },
    "agg_quality_measure": {
        "measure_year": 2025,
        "measure_id": "M05",
        "program_id": "program",
        "population": "panel",
        "practice_id": "practice",
        "denominator_count": 2_000,
        "numerator_count": 1_600,
        "excluded_count": 12,
        "rate": 0.8,
        "wilson_lower": 0.782,
        "wilson_upper": 0.817,
    },
    "fct_delivery": {
        "delivery_id": "delivery",
        "status": "loaded",
        "mode": "period",
        "reason": "",
        "version": 1,
        "row_count": 2_500,
        "loaded_count": 2_480,
        "duplicate_count": 12,
    },
    "agg_reject": {
        "delivery_id": "delivery",
        "column_name": "from_date",
        "reason": "not_a_calendar_date",
        "remedy": "Ask the sender to send the row again.",
        "row_count": 3,
        "first_row_number": 17,
    },
    "agg_access_experience": {
        "program_id": "program",
        "partner_id": "partner",
        "practices": 52,
        "with_ehr": 48,
        "overall_score": 0.73,
        "respondents": 2_742,
    },
    "agg_adt_coverage": {
        "program_id": "program",
        "partner_id": "partner",
        "facility_npi": "1003000126",
        "stays": 40,
        "stays_told": 31,
        "told_rate": 0.775,
    },
    "agg_care_activity": {
        "program_id": "program",
        "partner_id": "partner",
        "month_start_date": "2026-01-01",
        "coordinator_side": "group",
        "activity": "outreach",
        "outcome": "reached",
        "entry_count": 27,
        "member_count": 21,
    },
    "agg_care_guide": {
        "program_id": "program",
        "partner_id": "partner",
        "care_guide": "diabetes",
        "practice_id": "practice",
        "members": 19,
        "members_with_plan": 7,
        "members_followed": 5,
    },
    "agg_coordinator_effect": {
        "analysis": "follow_up",
        "program_id": "program",
        "verdict": "similar",
        "contacted": 130,
        "contacted_events": 8,
        "others": 254,
        "other_events": 27,
        "difference": -0.04,
    },
    "agg_support_program": {
        "program_id": "program",
        "partner_id": "partner",
        "support_program": "diabetes",
        "candidates": 79,
        "members_enrolled": 12,
        "members_completed": 2,
    },
    "agg_change_versus_market": {
        "program_id": "program",
        "outcome": "er_visits",
        "weighting": "att",
        "verdict": "lower",
        "sentence": "It moved lower.",
        "change_ratio": 0.93,
        "bootstrap_lower": 0.89,
        "bootstrap_upper": 0.98,
    },
    "agg_outcome_versus_market": {
        "program_id": "program",
        "outcome": "inpatient",
        "market_basis": "all_others",
        "verdict": "lower",
        "ratio": 0.93,
        "interval_lower": 0.89,
        "interval_upper": 0.98,
    },
    "fct_attribution": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "is_in_program__mean": 0.3,
        "npi_of_program__distinct": 400,
    },
    "fct_member_month": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "is_medical__mean": 0.92,
        "state__null_share": 0,
        "covered_days__max": 31,
    },
    "fct_gap": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "measure_id__distinct": 20,
        "is_met__mean": 0.6,
        "seen_in_order__min": 1,
    },
    "agg_quality_clinician": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "is_below__mean": 0,
        "npi__distinct": 400,
    },
    "fct_readmission": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "is_readmission__mean": 0.11,
        "lace_score__max": 15,
        "hospital_score__max": 9,
        "leaves_in_order__min": 1,
    },
    "fct_medication_gap": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "drug_class__distinct": 6,
        "is_lapsed__mean": 0.3,
        "runs_out_in_order__min": 1,
    },
    "fct_medication_safety": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "rule_id__distinct": 9,
        "is_critical__mean": 0.05,
        "lasts_in_order__min": 1,
    },
    "fct_care_event": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "event_kind__distinct": 3,
        "ends_in_order__min": 1,
    },
    "fct_care_member": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "birth_date__null_share": 0,
        "opted_out__mean": 0.01,
    },
    "fct_care_plan": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "care_guide__distinct": 4,
        "is_unplanned__mean": 0,
    },
    "fct_worklist_task": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "task__distinct": 8,
        "points__min": 5,
        "evidence__null_share": 0,
    },
    "fct_reject": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "row_number__min": 4,
        "reason__distinct": 7,
        "remedy__null_share": 0,
    },
    "fct_code_mapping": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "code_system__distinct": 5,
        "row_count__min": 1,
    },
    "fct_condition": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "condition__distinct": 20,
        "qualifies_in_order__min": 1,
    },
    "fct_high_risk": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "category__distinct": 3,
        "points__min": 1,
    },
    "fct_payer_gap": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "verdict__distinct": 3,
        "measure_id__distinct": 4,
    },
    "fct_hhs_hcc_score": {
        "row_count": 5_000,
        "repeated_keys": 0,
        "metal__distinct": 5,
        "enrolled_months__max": 12,
    },
    "agg_change_detail": {
        "program_id": "program",
        "part": "balance",
        "outcome": "cost",
        "item_number": 1,
        "item": "age",
        "ratio": 1.02,
    },
    "agg_er_use_versus_market": {
        "reporting_unit_id": "unit",
        "period_role": "performance",
        "market_basis": "all_others",
        "verdict": "lower",
        "sentence": "ER use was lower.",
        "panel_member_months": 300_000,
        "market_member_months": 2_000_000,
        "sir": 0.93,
        "crude_market_per_1000": 213.0,
        "crude_panel_per_1000": 199.0,
        "dispersion_market": 1.6,
        "p_value": 0.01,
        "bootstrap_lower": 0.89,
        "bootstrap_upper": 0.98,
        "quasi_lower": 0.89,
        "quasi_upper": 0.98,
    },
    "agg_shared_savings": {
        "program_id": "program",
        "failed_reasons": "QUALITY_GATE,BELOW_MSR",
        "performance_persons": 25_000,
        "baseline_pmpm_amount": 410.0,
        "performance_pmpm_amount": 425.0,
        "benchmark_pmpm_amount": 431.0,
        "market_trend_percent": 5.1,
        "savings_percent": 1.4,
        "completion_ratio": 1.01,
        "msr_percent": 2.4,
        "quality_score": 0.7,
        "sharing_rate": 0.35,
        "payment_amount": 1_000.0,
        "shareable_amount": 4_000.0,
    },
}
KEYS = {
    "dim_program": "program_id",
    "agg_attribution": "panel",
    "agg_member_month": "market_area_id",
    "agg_program_utilization": "program_id",
    "agg_quality_measure": "practice_id",
    "agg_change_detail": "program_id",
    "fct_delivery": "delivery_id",
    "agg_reject": "delivery_id",
    "agg_access_experience": "program_id",
    "agg_adt_coverage": "program_id",
    "agg_care_activity": "program_id",
    "agg_care_guide": "program_id",
    "agg_coordinator_effect": "program_id",
    "agg_support_program": "program_id",
    "agg_change_versus_market": "program_id",
    "agg_outcome_versus_market": "program_id",
    "agg_er_use_versus_market": "reporting_unit_id",
    "agg_shared_savings": "program_id",
}

Row = dict[str, object]


def defects(expectation: Expectation, row: Row, twin: Row) -> list[Row]:
    """Rows that are plausible but for what this expectation forbids; `twin` is another row."""
    kwargs = expectation.dict()
    kind = type(expectation).__name__
    if kind == "ExpectColumnValuesToBeBetween":
        column = kwargs["column"]
        ends = [(kwargs["min_value"], -1), (kwargs["max_value"], 1)]
        return [{**row, column: end + step} for end, step in ends if end is not None]
    if kind == "ExpectColumnValuesToNotBeNull":
        return [{**row, kwargs["column"]: None}]
    if kind in ("ExpectColumnValuesToBeInSet", "ExpectColumnValuesToMatchRegex"):
        return [{**row, kwargs["column"]: "NONSENSE, 1!"}]
    if kind == "ExpectColumnValuesToBeUnique":
        return [{**row, kwargs["column"]: twin[kwargs["column"]]}]
    if kind == "ExpectCompoundColumnsToBeUnique":
        same = {column: twin[column] for column in kwargs["column_list"]}
        return [{**row, **same}]
    if kind == "ExpectColumnPairValuesAToBeGreaterThanB":
        least = row[kwargs["column_B"]]
        lower = "1999-01-01" if isinstance(least, str) else float(str(least)) - 0.5
        return [{**row, kwargs["column_A"]: lower}]
    raise AssertionError(f"no defect is known for {kind}: add one here")


@pytest.mark.parametrize("suite", ALL_SUITES, ids=lambda suite: suite.table)
def test_every_expectation_fires_on_its_own_defect_and_no_other(suite: Suite) -> None:
    """One row a seeded defect; each expectation must point at its own rows only."""
    expectations = list(suite.build())
    rows: list[Row] = []
    own: dict[str, set[int]] = {}

    def plausible() -> Row:
        row = dict(PLAUSIBLE[suite.table])
        if suite.table in KEYS:
            row[KEYS[suite.table]] = f"{row[KEYS[suite.table]]} {len(rows)}"
        return row

    rows.append(plausible())
    for expectation in expectations:
        name = name_of(expectation.expectation_type, expectation.dict())
        assert name not in own, f"{name} stands twice in the suite"
        own[name] = set()
        twin = plausible()
        rows.append(twin)
        twin_at = len(rows) - 1
        for defect in defects(expectation, plausible(), twin):
            _leave_out_compared(defect, expectation, expectations)
            own[name].add(len(rows))
            if "unique" in name:
                own[name].add(twin_at)
            elif suite.table in KEYS:
                defect[KEYS[suite.table]] = f"defect {len(rows)}"
            rows.append(defect)
    found = _unexpected_rows(suite.table, expectations, pd.DataFrame(rows))
    assert found == own


def _leave_out_compared(
    defect: Row, expectation: Expectation, expectations: Sequence[Expectation]
) -> None:
    """Empty what other expectations compare the spoilt column with, for it is not the defect."""
    spoilt = expectation.dict()
    column = spoilt.get("column") or spoilt.get("column_A")
    for other in expectations:
        kwargs = other.dict()
        pair = (kwargs.get("column_A"), kwargs.get("column_B"))
        if other is not expectation and column in pair:
            defect[str(pair[1] if column == pair[0] else pair[0])] = None


def _unexpected_rows(
    table: str, expectations: Sequence[Expectation], frame: pd.DataFrame
) -> dict[str, set[int]]:
    import great_expectations as gx

    context = gx.get_context(mode="ephemeral")
    asset = context.data_sources.add_pandas("test").add_dataframe_asset(table)
    batch = asset.add_batch_definition_whole_dataframe("all").get_batch(
        batch_parameters={"dataframe": frame}
    )
    suite = gx.ExpectationSuite(name=table, expectations=list(expectations))
    report = batch.validate(suite, result_format="COMPLETE").to_json_dict()
    return {
        name_of(result["expectation_config"]["type"], result["expectation_config"]["kwargs"]): set(
            result["result"]["unexpected_index_list"]
        )
        for result in report["results"]
    }


@pytest.mark.parametrize("suite", ALL_SUITES, ids=lambda suite: suite.table)
def test_plausible_rows_pass_whole(suite: Suite) -> None:
    """The defects above are seeded into rows that are right otherwise."""
    outcome = validate(suite, pd.DataFrame([PLAUSIBLE[suite.table]]))
    assert (outcome.status, outcome.problems, outcome.warnings) == ("pass", (), ())
    assert outcome.metadata["expectations"] == len(suite.build())


@pytest.mark.parametrize("suite", ALL_SUITES, ids=lambda suite: suite.table)
def test_every_expectation_says_dimension_reason_and_severity(suite: Suite) -> None:
    """Who is woken at night reads the reason, not the library's name for it."""
    for expectation in suite.build():
        assert expectation.meta
        assert expectation.meta["dimension"] in suites.Dimension.__args__  # type: ignore[attr-defined]
        assert len(str(expectation.meta["reason"])) > 10
        assert expectation.severity in ("critical", "warning")


def small_suite(*expectations: Callable[[], Expectation]) -> Suite:
    return Suite("small", lambda: [build() for build in expectations])


CRITICAL = small_suite(lambda: between("a", 0, 5, "validity", "because of the test"))
WARNING = small_suite(lambda: between("a", 0, 5, "validity", "because of the test", "warning"))


def test_a_critical_failure_names_expectation_and_reason_but_no_value() -> None:
    """Check results are shown to everybody; values of rows are not."""
    outcome = validate(CRITICAL, pd.DataFrame({"a": [1, 987654]}))
    assert outcome.status == "fail"
    (problem,) = outcome.problems
    assert "expect_column_values_to_be_between(a): 1 of 2 rows" in problem
    assert "because of the test" in problem
    assert "987654" not in problem


def test_a_warning_is_told_and_does_not_fail() -> None:
    """Plausible doubts do not hold a publication."""
    outcome = validate(WARNING, pd.DataFrame({"a": [9]}))
    assert outcome.passed
    assert len(outcome.warnings) == 1


def test_small_panels_are_not_judged_by_what_chance_makes_of_them() -> None:
    """Nine visits of fifty members are 2,160 per 1,000 a year."""
    suite = next(suite for suite in MART_SUITES if suite.table == "agg_program_utilization")
    row = {**PLAUSIBLE[suite.table], "ed_visits_per_1000": 2_160.0}
    assert validate(suite, pd.DataFrame([row])).status == "fail"
    outcome = validate(suite, pd.DataFrame([{**row, "member_months": 50}]))
    assert outcome.passed
    assert any("ed_visits_per_1000" in warning for warning in outcome.warnings)


def test_69_an_empty_frame_is_an_error() -> None:
    """FAULTS 69: the library calls an empty frame a success."""
    assert validate(CRITICAL, pd.DataFrame({"a": []})).status == "error"
    assert validate(WARNING, pd.DataFrame({"a": []})).status == "error"


def test_a_table_that_may_be_empty_passes_without_a_row_and_is_judged_with_one() -> None:
    """An installation in which nothing was ever rejected must still publish."""
    suite = next(suite for suite in MART_SUITES if suite.table == "agg_reject")
    empty = pd.DataFrame(columns=list(PLAUSIBLE["agg_reject"]))
    assert validate(suite, empty).passed
    spoilt = {**PLAUSIBLE["agg_reject"], "reason": "born 1980-02-29"}
    assert validate(suite, pd.DataFrame([spoilt])).status == "fail"


def test_69_a_missing_column_is_an_error_even_for_a_warning() -> None:
    """FAULTS 69: what was not judged has not passed."""
    outcome = validate(WARNING, pd.DataFrame({"b": [1]}))
    assert outcome.status == "error"
    assert 'The column "a" in BatchData does not exist' in outcome.problems[0]


def test_69_a_column_of_nulls_is_an_error() -> None:
    """FAULTS 69: the library leaves nulls out, and calls what is left a success."""
    outcome = validate(CRITICAL, pd.DataFrame({"a": [None, None]}, dtype="float64"))
    assert outcome.status == "error"
    assert "met no value at all" in outcome.problems[0]


def test_69_values_that_cannot_be_compared_are_an_error() -> None:
    """FAULTS 69: an exception inside the library."""
    assert validate(CRITICAL, pd.DataFrame({"a": ["text", "more"]})).status == "error"


def test_69_a_library_that_is_not_there_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """FAULTS 69: an installation without Great Expectations must not publish."""
    monkeypatch.setitem(sys.modules, "great_expectations", None)
    outcome = validate(Suite("small", list), pd.DataFrame({"a": [1]}))
    assert outcome.status == "error"
    assert "could not be judged" in outcome.problems[0]


def test_69_a_suite_without_expectations_is_an_error() -> None:
    """A suite emptied by mistake would pass everything."""
    assert validate(Suite("small", list), pd.DataFrame({"a": [1]})).status == "error"


def test_checks_have_names_of_their_own_and_all_block() -> None:
    """Two checks of one name would overwrite each other's record."""
    names = [check.name for check in EXPECTATION_CHECKS]
    assert len(set(names)) == len(names)
    assert all(check.blocking for check in EXPECTATION_CHECKS)
