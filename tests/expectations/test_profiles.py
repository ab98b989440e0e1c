"""Profiles from ledger files to verdicts: seeded defects of real extracts, caching, no files."""

import json
from pathlib import Path

import duckdb
import pytest

from expectations import eligibility, medical_claims, pharmacy_claims
from expectations.profiles import Profiled, ProfileDefinition, one_row_a_delivery, profile_feed
from expectations.registry import judge_feed
from orchestration.errors import CareWarehouseError
from orchestration.settings import Settings, load_settings

MEDICAL = """
    select
        'P' || (range % 150) as person_id, 'C' || (range // 2) as claim_id,
        (range % 2 + 1)::int as line_number,
        case when range % 6 = 0 then 'I' else 'P' end as claim_type, 'paid' as claim_status,
        case when range % 30 = 0 then '0450' end as revenue_code,
        case when range % 5 = 1 then '99213' else '80053' end as hcpcs_code,
        (100 + range % 50)::decimal(18,2) as allowed_amount,
        90::decimal(18,2) as paid_amount,
        date '2024-12-20' as thru_date, date '2025-01-15' as paid_date,
        'E119' as diagnosis_code_1, '1234567893' as rendering_npi, '061234567' as billing_tin
    from range(600)
"""
PHARMACY = """
    select
        'P' || (range % 150) as person_id, 'paid' as claim_status,
        50::decimal(18,2) as allowed_amount, 45::decimal(18,2) as paid_amount,
        30 as days_supply, date '2025-01-15' as paid_date,
        '000' || (range % 20) as ndc_code, '1234567893' as prescriber_npi
    from range(300)
"""
ELIGIBILITY = """
    select
        'P' || range as person_id, case when range % 2 = 0 then 'F' else 'M' end as sex,
        make_date((1962 + range % 60)::int, 3, 1) as birth_date, null::date as death_date,
        'medical_rx' as coverage_type, date '2025-01-01' as coverage_start_date,
        date '9999-12-31' as coverage_end_date, 'CT' as state, '06105' as zip_code
    from range(400)
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"CARE_DATA_DIR": str(tmp_path / "data"), "CARE_THREADS": "2"})


def deliver(settings: Settings, feed: str, query: str, delivery_id: str = "d1") -> Path:
    """One delivery in the ledger, and the selection that names it."""
    folder = settings.ledger_dir / feed / "cigna" / "2025-01"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{delivery_id}.parquet"
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select *, '{delivery_id}' as delivery_id from ({query})) to '{path}' "
            "(format parquet)"
        )
    select(settings, feed, delivery_id)
    return path


def select(settings: Settings, feed: str, delivery_id: str) -> None:
    settings.inputs_dir.mkdir(parents=True, exist_ok=True)
    with duckdb.connect() as connection:
        connection.execute(
            f"copy (select '{delivery_id}' as delivery_id, 'cigna' as source_id, '{feed}' as feed, "
            "'2025-01' as period, date '2025-02-10' as delivered_on, true as is_selected) "
            f"to '{settings.inputs_dir / 'delivery.parquet'}' (format parquet)"
        )


@pytest.mark.parametrize(
    ("module", "query"),
    [(medical_claims, MEDICAL), (pharmacy_claims, PHARMACY), (eligibility, ELIGIBILITY)],
)
def test_a_plausible_extract_passes(settings: Settings, module: object, query: str) -> None:
    """The seeded defects below are the only thing wrong with their extracts."""
    definition, suite = module.PROFILE, module.SUITE  # type: ignore[attr-defined]
    deliver(settings, definition.feed, query)
    outcome = judge_feed(settings, definition, suite)
    assert (outcome.status, outcome.problems, outcome.warnings) == ("pass", (), ())


@pytest.mark.parametrize(
    ("module", "base", "defect", "expectation"),
    [
        (medical_claims, MEDICAL, "allowed_amount * 100 as allowed_amount", "allowed_amount__mean"),
        (medical_claims, MEDICAL, "paid_date + 31 as paid_date", "is_paid_in_period__mean"),
        (medical_claims, MEDICAL, "'denied' as claim_status", "is_denied__mean"),
        (medical_claims, MEDICAL, "null::text as revenue_code", "is_ed_evidence__mean"),
        (medical_claims, MEDICAL, "null::text as rendering_npi", "office_visit_npi__mean"),
        (medical_claims, MEDICAL, "'80053' as hcpcs_code", "is_office_visit__mean"),
        (medical_claims, MEDICAL, "null::text as diagnosis_code_1", "diagnosis_code_1__null_share"),
        (medical_claims, MEDICAL, "'P' as claim_type", "is_institutional__mean"),
        (medical_claims, MEDICAL, "'P1' as person_id", "person_id__distinct"),
        (pharmacy_claims, PHARMACY, "days_supply * 20 as days_supply", "days_supply__max"),
        (pharmacy_claims, PHARMACY, "'reversed' as claim_status", "is_reversed__mean"),
        (
            pharmacy_claims,
            PHARMACY,
            "paid_amount * 2 as paid_amount",
            "is_paid_above_allowed__mean",
        ),
        (eligibility, ELIGIBILITY, "'M' as sex", "is_female__mean"),
        (eligibility, ELIGIBILITY, "birth_date + interval 120 year as birth_date", "age__min"),
        (eligibility, ELIGIBILITY, "null::text as state", "state__null_share"),
    ],
)
def test_a_defect_of_the_extract_fails_its_expectation(
    settings: Settings, module: object, base: str, defect: str, expectation: str
) -> None:
    """Cents for dollars, a mislabelled month, a column that lost its content."""
    definition, suite = module.PROFILE, module.SUITE  # type: ignore[attr-defined]
    deliver(settings, definition.feed, f"select * replace ({defect}) from ({base})")
    outcome = judge_feed(settings, definition, suite)
    assert outcome.status == "fail"
    assert any(f"({expectation})" in problem for problem in outcome.problems)


DEFINITION = ProfileDefinition(
    "small", (Profiled("number", "number", ("distinct", "range", "mean")), Profiled("text", "text"))
)
SMALL = "select range as number, case when range < 75 then 'x' end as text from range(300)"


def test_a_profile_tells_counts_range_and_mean(settings: Settings) -> None:
    """One row a column and delivery."""
    deliver(settings, "small", SMALL)
    rows = profile_feed(settings, DEFINITION).set_index("column_name")
    assert rows.loc["number", ["row_count", "least", "most", "mean"]].tolist() == [
        300,
        0,
        299,
        149.5,
    ]
    assert abs(rows.loc["number", "distinct_count"] - 300) < 30
    assert rows.loc["text", "null_share"] == 0.75


def test_a_delivery_is_profiled_once(settings: Settings) -> None:
    """A night reads what is new; three years of claims stay unread."""
    path = deliver(settings, "small", SMALL)
    first = profile_feed(settings, DEFINITION)
    path.unlink()
    assert profile_feed(settings, DEFINITION).equals(first)


def test_a_changed_definition_profiles_again(settings: Settings) -> None:
    """A new expectation must see old deliveries too."""
    deliver(settings, "small", SMALL)
    profile_feed(settings, DEFINITION)
    other = ProfileDefinition("small", (Profiled("number", "number + 1", ("range",)),))
    assert profile_feed(settings, other)["most"].tolist() == [300]


def test_a_half_written_profile_is_never_read(settings: Settings) -> None:
    """A killed night leaves no file under the final name."""
    deliver(settings, "small", SMALL)
    profile_feed(settings, DEFINITION)
    (folder,) = (settings.ledger_dir / "profiles").iterdir()
    assert [path.name for path in folder.iterdir()] == ["d1.json"]
    assert len(json.loads((folder / "d1.json").read_text())) == 2


def test_small_deliveries_are_not_judged_by_shares(settings: Settings) -> None:
    """Three changed spans, all of women, are chance."""
    deliver(settings, "eligibility", f"select * from ({ELIGIBILITY}) where sex = 'F' limit 3")
    outcome = judge_feed(settings, eligibility.PROFILE, eligibility.SUITE)
    assert outcome.passed
    assert any("is_female__mean" in warning for warning in outcome.warnings)


def test_a_feed_without_any_row_is_an_error(settings: Settings) -> None:
    """The ledger lost its files: shares of nothing must not pass as unjudged."""
    select(settings, "medical_claims", "gone")
    outcome = judge_feed(settings, medical_claims.PROFILE, medical_claims.SUITE)
    assert outcome.status == "error"


def test_nothing_selected_is_an_error(settings: Settings) -> None:
    """FAULTS 69: no claims at all cannot be plausible."""
    select(settings, "another_feed", "d1")
    outcome = judge_feed(settings, medical_claims.PROFILE, medical_claims.SUITE)
    assert outcome.status == "error"


def test_no_selection_names_the_fix(settings: Settings) -> None:
    """Called before any intake."""
    with pytest.raises(CareWarehouseError, match="Run the intake first"):
        profile_feed(settings, DEFINITION)


def test_profiles_are_put_one_row_a_delivery(settings: Settings) -> None:
    """What suites name: column, two underscores, measure."""
    deliver(settings, "small", SMALL)
    wide = one_row_a_delivery(profile_feed(settings, DEFINITION))
    assert wide.loc[0, "number__max"] == 299
    assert wide.loc[0, "text__null_share"] == 0.75
