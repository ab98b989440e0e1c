"""Plausibility of identified marts, of each as a whole: one row of counts about it is judged.

Their rows never leave the warehouse for the judging library. Keys, relations and what can be said
of one row are tests in dbt; large marts are judged by their newest month.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled
from expectations.suites import Suite, between
from expectations.tables import MartProfile

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def _unique() -> "Expectation":
    return between(
        "repeated_keys", 0, 0, "uniqueness", "a row that stands twice is acted on or paid twice"
    )


def _some(reason: str) -> "Expectation":
    return between("row_count", 1, None, "completeness", reason)


def _share(
    column: str, most: float, reason: str, least: float = 0, is_warning: bool = False
) -> "Expectation":
    """A boolean or part of rows lies within plausible shares; of a small mart it is no error."""
    return between(
        f"{column}__mean",
        least,
        most,
        "plausibility",
        reason,
        "warning" if is_warning else "critical",
    )


def _filled(column: str, most: float, reason: str) -> "Expectation":
    return between(f"{column}__null_share", 0, most, "completeness", reason)


_NEWEST = "{column} = (select max({column}) from {{relation}})"

_ATTRIBUTION = MartProfile(
    "fct_attribution",
    (
        Profiled("is_in_program", "program_id is not null", ("mean",)),
        Profiled("npi_of_program", "case when program_id is not null then npi end", ("distinct",)),
        Profiled("is_alone", "runner_up_group is null", ("mean",)),
    ),
    _NEWEST.format(column="snapshot_date"),
)


def _attribution() -> Sequence["Expectation"]:
    return [
        _some("a snapshot without anybody was not computed"),
        _unique(),
        _share("is_in_program", 0.9, "members are not all of programs, nor none", 0.0005, True),
        between("npi_of_program__distinct", 1, None, "plausibility", "panels belong to clinicians"),
    ]


_MEMBER_MONTH = MartProfile(
    "fct_member_month",
    (
        Profiled("is_medical", "is_medical", ("mean",)),
        Profiled("state", "state"),
        Profiled("covered_days", "covered_days", ("range",)),
    ),
    _NEWEST.format(column="month_start_date"),
)


def _member_month() -> Sequence["Expectation"]:
    return [
        _some("a month without members was not delivered"),
        _unique(),
        _share("is_medical", 1, "most people are covered for care", 0.3, True),
        _filled("state", 0.05, "markets are areas; who lives nowhere is in none"),
        between("covered_days__max", 1, 31, "validity", "no month has more days"),
    ]


_GAP = MartProfile(
    "fct_gap",
    (
        Profiled("measure_id", "measure_id", ("distinct",)),
        Profiled("is_met", "is_met", ("mean",)),
        Profiled("npi", "npi"),
        Profiled("seen_in_order", "coalesce(closed_seen_on >= closed_on, true)::int", ("range",)),
    ),
)


def _gap() -> Sequence["Expectation"]:
    return [
        _some("a panel without any gap was not measured"),
        _unique(),
        between("measure_id__distinct", 3, None, "completeness", "several measures make gaps"),
        _share("is_met", 0.99, "no panel meets everything, and none nothing", 0.01, True),
        between(
            "seen_in_order__min", 1, 1, "consistency", "no service is delivered before its day"
        ),
    ]


_CLINICIAN = MartProfile(
    "agg_quality_clinician",
    (
        Profiled("npi", "npi", ("distinct",)),
        Profiled("is_below", "numerator_count > denominator_count", ("mean",)),
        Profiled("measure_id", "measure_id", ("distinct",)),
    ),
)


def _clinician() -> Sequence["Expectation"]:
    return [
        _some("clinicians without members were not measured"),
        _unique(),
        between("is_below__mean", 0, 0, "consistency", "who meets a measure counts for it"),
        between("npi__distinct", 2, None, "plausibility", "a program has more than one clinician"),
    ]


_READMISSION = MartProfile(
    "fct_readmission",
    (
        Profiled("is_readmission", "is_readmission", ("mean",)),
        Profiled("lace_score", "lace_score", ("range",)),
        Profiled("hospital_score", "hospital_score", ("range",)),
        Profiled("leaves_in_order", "(discharge_date >= admission_date)::int", ("range",)),
    ),
)


def _readmission() -> Sequence["Expectation"]:
    return [
        _unique(),
        _share("is_readmission", 0.5, "most who leave do not come back", is_warning=True),
        between(
            "lace_score__max", 0, 19, "validity", "LACE counts 0 to 19 (F.1)", may_be_unjudged=True
        ),
        between(
            "hospital_score__max",
            0,
            13,
            "validity",
            "HOSPITAL counts 0 to 13 (F.2)",
            may_be_unjudged=True,
        ),
        between(
            "leaves_in_order__min", 1, 1, "consistency", "a stay does not end before it begins"
        ),
    ]


_MEDICATION_GAP = MartProfile(
    "fct_medication_gap",
    (
        Profiled("drug_class", "drug_class", ("distinct",)),
        Profiled("is_lapsed", "state = 'LAPSED'", ("mean",)),
        Profiled("runs_out_in_order", "(runout_date >= last_fill_date)::int", ("range",)),
    ),
)


def _medication_gap() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("drug_class__distinct", 1, 50, "validity", "classes are those of seed drugs"),
        _share("is_lapsed", 0.98, "somebody is late, not everybody gone", is_warning=True),
        between(
            "runs_out_in_order__min", 1, 1, "consistency", "a supply ends after it is dispensed"
        ),
    ]


_MEDICATION_SAFETY = MartProfile(
    "fct_medication_safety",
    (
        Profiled("rule_id", "rule_id", ("distinct",)),
        Profiled("is_critical", "grade = 'CRITICAL'", ("mean",)),
        Profiled("lasts_in_order", "(last_date >= first_date)::int", ("range",)),
    ),
)


def _medication_safety() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("rule_id__distinct", 1, 200, "validity", "findings are those of seed rules"),
        _share("is_critical", 0.5, "alerts that are all critical are all ignored", is_warning=True),
        between("lasts_in_order__min", 1, 1, "consistency", "a finding ends after it begins"),
    ]


_CARE_EVENT = MartProfile(
    "fct_care_event",
    (
        Profiled("event_kind", "event_kind", ("distinct",)),
        Profiled("ends_in_order", "coalesce(end_date >= event_date, true)::int", ("range",)),
    ),
)


def _care_event() -> Sequence["Expectation"]:
    return [
        _some("a year in which no member saw anybody was not delivered"),
        _unique(),
        between("event_kind__distinct", 1, 10, "validity", "visits and stays are of few kinds"),
        between("ends_in_order__min", 1, 1, "consistency", "an event ends after it begins"),
    ]


_CARE_MEMBER = MartProfile(
    "fct_care_member",
    (
        Profiled("birth_date", "birth_date"),
        Profiled("is_in_program", "program_id is not null", ("mean",)),
        Profiled("opted_out", "opt_out_date is not null", ("mean",)),
    ),
)


def _care_member() -> Sequence["Expectation"]:
    return [
        _some("coordinators have somebody to look after"),
        _unique(),
        _filled("birth_date", 0.01, "messages of hospitals are matched by it"),
        _share("opted_out", 0.5, "who opts out is the exception", is_warning=True),
    ]


_WORKLIST = MartProfile(
    "fct_worklist_task",
    (
        Profiled("task", "task", ("distinct",)),
        Profiled("points", "points", ("range",)),
        Profiled("evidence", "evidence"),
    ),
)


def _worklist() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("task__distinct", 1, 30, "validity", "tasks are of few kinds"),
        between("points__min", 0, None, "validity", "a task does not count against a member"),
        _filled("evidence", 0, "nobody calls without knowing why"),
    ]


_CARE_PLAN = MartProfile(
    "fct_care_plan",
    (
        Profiled("care_guide", "care_guide", ("distinct",)),
        Profiled("is_unplanned", "is_followed and not has_care_plan", ("mean",)),
    ),
)


def _care_plan() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("care_guide__distinct", 1, 10, "validity", "guides are of few conditions"),
        _share("is_unplanned", 0, "a plan that is followed is there"),
    ]


_CODE_MAPPING = MartProfile(
    "fct_code_mapping",
    (
        Profiled("code_system", "code_system", ("distinct",)),
        Profiled("row_count", "row_count", ("range",)),
    ),
)


def _code_mapping() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("code_system__distinct", 1, 20, "validity", "code systems are few and known"),
        between("row_count__min", 1, None, "validity", "a code that is listed was sent"),
    ]


_CONDITION = MartProfile(
    "fct_condition",
    (
        Profiled("condition", "condition", ("distinct",)),
        Profiled("qualifies_in_order", "(qualify_date >= onset_date)::int", ("range",)),
    ),
)


def _condition() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("condition__distinct", 1, 200, "validity", "conditions are those of the registry"),
        between(
            "qualifies_in_order__min",
            1,
            1,
            "consistency",
            "what makes a condition sure is not before its first sign",
            "warning",
            may_be_unjudged=True,
        ),
    ]


_HIGH_RISK = MartProfile(
    "fct_high_risk",
    (
        Profiled("category", "category", ("distinct",)),
        Profiled("points", "points", ("range",)),
    ),
)


def _high_risk() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("category__distinct", 1, 3, "validity", "there are three categories (C.3)"),
        between(
            "points__min",
            0,
            None,
            "validity",
            "a reason does not count against risk",
            may_be_unjudged=True,
        ),
    ]


_PAYER_GAP = MartProfile(
    "fct_payer_gap",
    (
        Profiled("verdict", "verdict", ("distinct",)),
        Profiled("measure_id", "measure_id", ("distinct",)),
    ),
)


def _payer_gap() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("verdict__distinct", 1, 10, "validity", "who lists a gap is told in few words"),
        between("measure_id__distinct", 1, 100, "validity", "gaps are of known measures"),
    ]


_HHS_SCORE = MartProfile(
    "fct_hhs_hcc_score",
    (
        Profiled("metal", "metal", ("distinct",)),
        Profiled("enrolled_months", "enrolled_months", ("range",)),
    ),
)


def _hhs_score() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("metal__distinct", 1, 10, "validity", "metal levels are few (G.2)"),
        between("enrolled_months__max", 1, 12, "validity", "a benefit year has twelve months"),
    ]


_REJECT = MartProfile(
    "fct_reject",
    (
        Profiled("reason", "reason", ("distinct",)),
        Profiled("row_number", "row_number", ("range",)),
        Profiled("remedy", "remedy"),
    ),
)


def _reject() -> Sequence["Expectation"]:
    return [
        _unique(),
        between("row_number__min", 1, None, "validity", "rows of a file are numbered from 1"),
        between(
            "reason__distinct", 1, 200, "validity", "reasons are names; thousands would be values"
        ),
        _filled("remedy", 0, "whoever reads a reason asks what to do about it"),
    ]


RESTRICTED_SUITES: tuple[tuple[MartProfile, Suite], ...] = (
    (_ATTRIBUTION, Suite("fct_attribution", _attribution)),
    (_MEMBER_MONTH, Suite("fct_member_month", _member_month)),
    (_GAP, Suite("fct_gap", _gap)),
    (_CLINICIAN, Suite("agg_quality_clinician", _clinician)),
    (_READMISSION, Suite("fct_readmission", _readmission, may_be_empty=True)),
    (_MEDICATION_GAP, Suite("fct_medication_gap", _medication_gap, may_be_empty=True)),
    (_MEDICATION_SAFETY, Suite("fct_medication_safety", _medication_safety, may_be_empty=True)),
    (_CARE_EVENT, Suite("fct_care_event", _care_event)),
    (_CARE_MEMBER, Suite("fct_care_member", _care_member)),
    (_WORKLIST, Suite("fct_worklist_task", _worklist, may_be_empty=True)),
    (_CARE_PLAN, Suite("fct_care_plan", _care_plan, may_be_empty=True)),
    (_CODE_MAPPING, Suite("fct_code_mapping", _code_mapping, may_be_empty=True)),
    (_CONDITION, Suite("fct_condition", _condition, may_be_empty=True)),
    (_HIGH_RISK, Suite("fct_high_risk", _high_risk, may_be_empty=True)),
    (_PAYER_GAP, Suite("fct_payer_gap", _payer_gap, may_be_empty=True)),
    (_HHS_SCORE, Suite("fct_hhs_hcc_score", _hhs_score, may_be_empty=True)),
    (_REJECT, Suite("fct_reject", _reject, may_be_empty=True)),
)
