"""Every published table has a suite, profiles fit their marts, the report tells every verdict."""

import json
from pathlib import Path

import duckdb
import pytest

from expectations.registry import EXPECTATION_CHECKS, MART_SUITES, OUTCOME_SUITES
from expectations.restricted import RESTRICTED_SUITES
from expectations.suites import ExpectationResult, Suite, SuiteOutcome
from expectations.tables import MartProfile, mart_profile
from expectations.verdicts import (
    REPORT_FILE,
    keep_verdicts,
    read_verdicts,
    report_page,
    write_report,
)
from orchestration.checks import CheckOutcome, load_manifest, read_run_inputs
from orchestration.publication.marts import OUTCOME_MARTS, published_marts
from orchestration.settings import Settings, load_settings

MANIFEST = load_manifest(load_settings().dbt_manifest_file)
MARTS = {mart.name: mart for mart in published_marts(MANIFEST)}


def test_every_published_mart_has_a_suite_and_every_suite_a_published_mart() -> None:
    """A mart that nobody doubts is published whatever it holds.

    A new mart needs a suite: of a `bi` mart in `expectations/<mart>.py`, listed in
    `expectations/registry.py`; of a `restricted` one a profile in `expectations/restricted.py`.
    """
    bi = {name for name, mart in MARTS.items() if mart.audience == "bi" and not mart.is_outcome}
    restricted = {name for name, mart in MARTS.items() if mart.audience == "restricted"}
    assert {suite.table for suite in MART_SUITES} == bi
    assert {suite.table for _, suite in RESTRICTED_SUITES} == restricted
    assert {suite.table for suite in OUTCOME_SUITES} == {mart.name for mart in OUTCOME_MARTS}
    judged = {check.asset for check in EXPECTATION_CHECKS if check.blocking}
    assert set(MARTS) <= judged


def columns_of(table: str) -> dict[str, str]:
    """Column types of a mart, as its contract says them."""
    nodes = MANIFEST["nodes"]
    assert isinstance(nodes, dict)
    (node,) = [
        node
        for node in nodes.values()
        if node["resource_type"] == "model" and node["name"] == table
    ]
    return {column["name"]: column["data_type"] for column in node["columns"].values()}


@pytest.mark.parametrize(
    ("profile", "suite"), RESTRICTED_SUITES, ids=[suite.table for _, suite in RESTRICTED_SUITES]
)
def test_a_profile_says_of_its_mart_what_its_suite_judges(
    profile: MartProfile, suite: Suite
) -> None:
    """A renamed column would stop a night at its last step."""
    assert profile.table == suite.table
    columns = ", ".join(f'"{name}" {kind}' for name, kind in columns_of(profile.table).items())
    with duckdb.connect() as connection:
        connection.execute(f"create table mart ({columns})")
        frame = mart_profile(connection, "mart", MARTS[profile.table].key, profile)
    assert int(frame["row_count"].iloc[0]) == 0
    named = {expectation.dict()["column"] for expectation in suite.build()}
    assert named <= set(frame.columns)


def test_a_profile_counts_repeated_keys_and_shares() -> None:
    profile = next(profile for profile, _ in RESTRICTED_SUITES if profile.table == "fct_reject")
    with duckdb.connect() as connection:
        connection.execute(
            "create table mart as select * from (values ('d', 1, 'a', 'x', 'y'), "
            "('d', 1, 'a', 'x', 'y'), ('d', 2, 'a', 'z', null)) "
            "as t (delivery_id, row_number, column_name, reason, remedy)"
        )
        key = ["delivery_id", "row_number", "column_name", "reason"]
        (row,) = mart_profile(connection, "mart", key, profile).to_dict("records")
    assert (row["row_count"], row["repeated_keys"], row["reason__distinct"]) == (3, 1, 2)
    assert (row["row_number__min"], row["row_number__max"]) == (1, 2)
    assert row["remedy__null_share"] == pytest.approx(1 / 3)


GOOD = ExpectationResult(
    *("expect(a)", "validity", "because of the test", "critical", True, False, None, "")
)
BAD = ExpectationResult(
    *("expect(b)", "plausibility", "<b>because</b>", "warning", False, False, None, "3 of 9 rows")
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    settings = load_settings({"CARE_DATA_DIR": str(tmp_path)})
    settings.inputs_dir.mkdir(parents=True)
    run(settings, "v1")
    return settings


def run(settings: Settings, input_version: str) -> None:
    content = {
        "as_of": "2026-07-10",
        "input_version": input_version,
        "claims_through_period": "2026-06",
        "code_version": "abc",
    }
    (settings.inputs_dir / "run.json").write_text(json.dumps(content))


def test_the_report_tells_every_verdict_with_its_reason_and_no_other_run(
    settings: Settings, tmp_path: Path
) -> None:
    """Who reads it must not see yesterday's verdict on today's data."""
    write_report(settings, tmp_path, read_run_inputs(settings))
    assert not (tmp_path / REPORT_FILE).exists()
    keep_verdicts(settings, "old", "mart", SuiteOutcome("pass", {"rows": 1}, (), (), (GOOD,)))
    run(settings, "v2")
    keep_verdicts(settings, "new", "mart", SuiteOutcome("fail", {"rows": 9}, (), (), (GOOD, BAD)))
    keep_verdicts(settings, "none", "ledger", CheckOutcome("error", {"rows": 0}, ("is empty.",)))
    inputs = read_run_inputs(settings)
    assert [one.table for one in read_verdicts(settings, inputs)] == ["none", "new"]
    write_report(settings, tmp_path, inputs)
    page = (tmp_path / REPORT_FILE).read_text()
    for told in ("2026-07-10", "expect(a)", "plausibility", "3 of 9 rows", "warned", "is empty."):
        assert told in page
    assert "&lt;b&gt;because" in page
    assert "<h3>old" not in page
    assert not any(word in page for word in ("<script", "http://", "https://", "<link"))
    assert page == report_page(read_verdicts(settings, inputs), "2026-07-10")
