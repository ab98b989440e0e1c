"""Check records and the plain checks of the ledger: what is missing or odd is never a pass."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import duckdb
import pytest

from orchestration import checks
from orchestration.checks import CheckOutcome, CheckRecord, RegisteredCheck
from orchestration.errors import CareWarehouseError
from orchestration.settings import Settings, load_settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings({"CARE_DATA_DIR": str(tmp_path / "data")})


MANIFEST: dict[str, object] = {
    "nodes": {
        "model.care.a": {
            "resource_type": "model",
            "name": "a",
            "config": {"materialized": "table"},
        },
        "model.care.off": {"resource_type": "model", "name": "off", "config": {"enabled": False}},
        "model.care.e": {
            "resource_type": "model",
            "name": "e",
            "config": {"materialized": "ephemeral"},
        },
        "seed.care.s": {"resource_type": "seed", "name": "s", "config": {}},
        "test.care.hard": {
            "resource_type": "test",
            "name": "hard",
            "config": {"severity": "ERROR"},
            "attached_node": "model.care.a",
        },
        "test.care.soft": {
            "resource_type": "test",
            "name": "soft",
            "config": {"severity": "warn"},
            "depends_on": {"nodes": ["model.care.a"]},
        },
    },
    "unit_tests": {
        "unit_test.care.a.u": {
            "resource_type": "unit_test",
            "name": "u",
            "config": {"enabled": True},
            "depends_on": {"nodes": ["model.care.a"]},
        }
    },
}


def results(**statuses: str) -> dict[str, object]:
    names = {
        "model": "model.care.a",
        "hard": "test.care.hard",
        "soft": "test.care.soft",
        "unit": "unit_test.care.a.u",
        "seed": "seed.care.s",
    }
    return {
        "results": [
            {"unique_id": names[name], "status": status, "failures": None, "message": status}
            for name, status in statuses.items()
        ]
    }


def test_models_and_error_tests_are_expected_and_unit_tests_are_not() -> None:
    """A model that was never built would leave its older table to be published."""
    assert checks.expected_dbt_checks(MANIFEST) == {"model.care.a", "test.care.hard"}


def test_dbt_results_become_records_of_the_tested_model() -> None:
    """What the gate reads, with dbt's own words for what failed."""
    records = checks.dbt_check_records(
        results(model="success", hard="fail", soft="warn", unit="pass", seed="success"),
        MANIFEST,
        "v1",
    )
    verdicts = [(r.check, r.asset, r.blocking, r.passed, r.input_version) for r in records]
    assert verdicts == [
        ("model.care.a", "a", True, True, "v1"),
        ("test.care.hard", "a", True, False, "v1"),
        ("test.care.soft", "a", False, False, "v1"),
    ]


@pytest.mark.parametrize("status", ["fail", "error", "skipped", "runtime error", "anything"])
def test_whatever_is_not_a_pass_is_a_failure(status: str) -> None:
    """A skipped test, behind a model that broke, has not passed (FAULTS 68)."""
    (record,) = checks.dbt_check_records(results(hard=status), MANIFEST, "v1")
    assert not record.passed


def test_results_cut_short_are_an_error_not_an_empty_success(tmp_path: Path) -> None:
    """A killed dbt leaves half a file."""
    path = tmp_path / "run_results.json"
    path.write_text('{"results": [{"unique_id"')
    with pytest.raises(CareWarehouseError, match="Let dbt build again"):
        checks.dbt_check_records(path, MANIFEST, "v1")


def test_records_are_read_back_as_written(settings: Settings) -> None:
    """Also names too long or too odd for a file."""
    names = ["plain", "test.care.not_null", "x" * 300, "with / slash", "with ? mark"]
    written = [
        CheckRecord(name, "asset", True, True, "v1", {"rows": 3, "text": "ü"}) for name in names
    ]
    checks.write_check_records(settings, written)
    assert checks.read_check_records(settings) == {record.check: record for record in written}


def test_a_write_cut_short_leaves_the_older_verdict(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Never half a record: it is moved into place in one step."""
    old = CheckRecord("c", "asset", True, False, "v1")
    checks.write_check_records(settings, [old])

    def broken(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", broken)
    monkeypatch.setattr(Path, "replace", broken)
    with pytest.raises(OSError, match="No space"):
        checks.write_check_records(settings, [CheckRecord("c", "asset", True, True, "v1")])
    assert checks.read_check_records(settings) == {"c": old}


def test_verdicts_of_dbt_are_forgotten_before_it_builds_again(settings: Settings) -> None:
    """A pass on the old tables must not outlive them when the new build is killed."""
    names = ["test.care.hard", "model.care.a", "ledger_conservation"]
    checks.write_check_records(settings, [CheckRecord(n, "a", True, True, "v1") for n in names])
    assert checks.forget_dbt_results(settings) == 2
    assert set(checks.read_check_records(settings)) == {"ledger_conservation"}


def test_a_registered_check_is_recorded_under_the_inputs_it_judged(settings: Settings) -> None:
    """The gate compares this version with the one it is to publish."""
    settings.inputs_dir.mkdir(parents=True)
    (settings.inputs_dir / "run.json").write_text(
        json.dumps(
            {
                "as_of": "2026-07-10",
                "input_version": "v7",
                "claims_through_period": "2026-06",
                "code_version": "c",
            }
        )
    )
    check = RegisteredCheck(
        "c", "a", "ledger", True, "", lambda _: CheckOutcome("fail", {"n": 1}, ("two rows",))
    )
    checks.run_check(settings, check, checks.read_run_inputs(settings))
    record = checks.read_check_records(settings)["c"]
    assert (record.passed, record.input_version, record.metadata["n"]) == (False, "v7", 1)
    assert record.metadata["problems"] == "two rows"


def test_missing_run_inputs_name_the_file_and_the_fix(settings: Settings) -> None:
    """Publication before any intake."""
    with pytest.raises(CareWarehouseError, match=r"run\.json: no deliveries .* Run the intake"):
        checks.read_run_inputs(settings)


Row = tuple[str, str, str, str, int, int, int, int, bool]


def deliver(settings: Settings, rows: Sequence[Row]) -> None:
    """Rows are (source, feed, period, mode, row, loaded, rejected, duplicate count, selected)."""
    settings.inputs_dir.mkdir(parents=True, exist_ok=True)
    values = ", ".join(
        f"('d{at}', '{row[0]}', '{row[1]}', '{row[2]}', '{row[3]}', "
        f"'{'loaded' if row[8] else 'quarantined'}', {row[4]}, {row[5]}, {row[6]}, {row[7]}, "
        f"{row[8]})"
        for at, row in enumerate(rows)
    )
    query = (
        f"select * from (values {values}) t(delivery_id, source_id, feed, period, mode, status, "
        "row_count, loaded_count, rejected_count, duplicate_count, is_selected)"
    )
    path = settings.inputs_dir / "delivery.parquet"
    with duckdb.connect() as connection:
        connection.execute(f"copy ({query}) to '{path}' (format parquet)")


def month(period: str, rows: int = 100, selected: bool = True, feed: str = "medical_claims") -> Row:
    return ("cigna", feed, period, "period", rows, rows, 0, 0, selected)


def test_conservation_names_the_delivery_that_lost_rows(settings: Settings) -> None:
    """Rows in = loaded + rejected + duplicates; the point of the whole intake."""
    deliver(
        settings,
        [
            ("cigna", "medical_claims", "2025-01", "period", 10, 7, 2, 1, True),
            ("cigna", "medical_claims", "2025-02", "period", 10, 7, 1, 1, True),
        ],
    )
    outcome = checks.conservation_check(settings)
    assert outcome.status == "fail"
    assert outcome.problems == (
        "cigna/medical_claims/2025-02 (d1): 10 rows came in, 9 are accounted for (7 loaded, 1 "
        "rejected, 1 duplicates).",
    )
    assert outcome.metadata["rows_in"] == 20


def test_nothing_to_judge_is_an_error(settings: Settings) -> None:
    """An empty selection must not open the gate."""
    deliver(settings, [month("2025-01", selected=False)])
    assert checks.conservation_check(settings).status == "error"
    assert checks.reject_threshold_check(settings).status == "error"


def test_14_a_month_missing_in_the_middle_is_named(settings: Settings) -> None:
    """FAULTS 14: across a turn of the year."""
    deliver(settings, [month("2024-11"), month("2025-01"), month("2025-02")])
    outcome = checks.missing_period_check(settings)
    assert outcome.problems == (
        "cigna/medical_claims: 2024-12 is missing. Deliver it, or release it from quarantine.",
    )


def test_14_a_month_that_lies_in_quarantine_is_missing(settings: Settings) -> None:
    """Also the newest one, after which nothing follows that would show the gap."""
    deliver(settings, [month("2025-01"), month("2025-02", selected=False)])
    assert "2025-02 is missing" in checks.missing_period_check(settings).problems[0]


def test_14_a_feed_that_lags_its_sender_is_named(settings: Settings) -> None:
    """Fills that end a month before the claims would understate the last month."""
    deliver(
        settings,
        [month("2025-01"), month("2025-02"), month("2025-01", feed="pharmacy_claims")],
    )
    (problem,) = checks.missing_period_check(settings).problems
    assert problem.startswith("cigna/pharmacy_claims: 2025-02 is missing")


def test_a_feed_that_need_not_come_every_month_misses_none(settings: Settings) -> None:
    """A care log is sent by the quarter, and hospitals' messages began last month."""
    quarters = [
        ("prohealth_physicians", "care_log", period, "append", 5, 5, 0, 0, True)
        for period in ("2025-03", "2025-06")
    ]
    deliver(settings, [month("2025-06"), *quarters])
    assert checks.missing_period_check(settings).passed


def test_a_restated_month_is_no_gap(settings: Settings) -> None:
    """The superseded version is not selected, the newer one is."""
    deliver(settings, [month("2025-01", selected=False), month("2025-01"), month("2025-02")])
    assert checks.missing_period_check(settings).passed


def test_coverage_may_run_ahead_of_claims_but_not_behind(settings: Settings) -> None:
    """Next month's coverage arrives before this month's claims are paid."""
    ahead = ("cigna", "eligibility", "2025-02", "append", 5, 5, 0, 0, True)
    first = ("cigna", "eligibility", "2025-01", "append", 5, 5, 0, 0, True)
    deliver(settings, [month("2025-01"), first, ahead])
    assert checks.missing_period_check(settings).passed
    deliver(settings, [month("2025-01"), month("2025-02"), first])
    assert "eligibility: 2025-02" in checks.missing_period_check(settings).problems[0]


@pytest.mark.parametrize(
    ("rows", "rejected", "is_tolerated"),
    [
        (100, 10, True),
        (100, 11, False),
        (1000, 20, True),
        (1000, 21, False),
        (3, 2, True),
        (3, 3, False),
        (0, 0, True),
    ],
)
def test_rejects_are_tolerated_as_at_intake(
    settings: Settings, rows: int, rejected: int, is_tolerated: bool
) -> None:
    """Ten rows or two in a hundred; a roster of 100 rows with three bad ones once held a month."""
    loaded = rows - rejected
    delivery = ("cigna", "medical_claims", "2025-01", "period", rows, loaded, rejected, 0, True)
    deliver(settings, [delivery])
    outcome = checks.reject_threshold_check(settings)
    assert outcome.passed is is_tolerated, outcome.problems


def test_rejects_of_a_feed_without_a_contract_fail(settings: Settings) -> None:
    """Nobody said how many are too many."""
    deliver(settings, [("cigna", "unheard_of", "2025-01", "period", 100, 99, 1, 0, True)])
    assert "unheard_of has no contract" in checks.reject_threshold_check(settings).problems[0]


def test_20_a_tenth_of_the_usual_rows_blocks(settings: Settings) -> None:
    """FAULTS 20."""
    deliver(settings, [month(f"2025-0{at}") for at in range(1, 6)] + [month("2025-06", 10)])
    outcome = checks.low_volume_check(settings)
    assert "2025-06: 10 rows are few; 100 are usual" in outcome.problems[0]
    assert checks.high_volume_check(settings).passed


def test_19_ten_times_the_usual_rows_is_only_a_warning(settings: Settings) -> None:
    """FAULTS 19."""
    deliver(settings, [month(f"2025-0{at}") for at in range(1, 6)] + [month("2025-06", 1000)])
    assert not checks.high_volume_check(settings).passed
    assert checks.low_volume_check(settings).passed
    blocking = {check.name: check.blocking for check in checks.LEDGER_CHECKS}
    assert blocking["ledger_low_volume"]
    assert not blocking["ledger_high_volume"]


def test_20_two_thin_months_in_a_row_do_not_excuse_each_other(settings: Settings) -> None:
    """FAULTS 20: each is compared with the months around both."""
    rows = [100, 100, 100, 10, 10, 100, 100]
    deliver(settings, [month(f"2025-0{at + 1}", count) for at, count in enumerate(rows)])
    assert len(checks.low_volume_check(settings).problems) == 2


def test_payments_that_run_out_after_the_measured_periods_are_usual(settings: Settings) -> None:
    """After the last performance period old services are paid, fewer each month."""
    deliver(settings, [month("2025-11"), month("2025-12"), month("2026-01", 10)])
    assert not checks.low_volume_check(settings).passed
    folder = settings.ledger_dir / "program_terms" / "programs" / "prohealth"
    folder.mkdir(parents=True)
    with duckdb.connect() as connection:
        connection.execute(
            "copy (select date '2025-12-31' as performance_end_date) "
            f"to '{folder}/p.parquet' (format parquet)"
        )
    assert checks.low_volume_check(settings).passed


def test_a_ledger_file_that_lost_rows_is_named(settings: Settings) -> None:
    """A restored backup that is older than its manifest."""
    deliver(settings, [month("2025-01", 3), month("2025-02", 3)])
    for at, rows in ((0, 3), (1, 2)):
        folder = settings.ledger_dir / "medical_claims" / "cigna" / f"2025-0{at + 1}"
        folder.mkdir(parents=True)
        with duckdb.connect() as connection:
            connection.execute(
                f"copy (select * from range({rows})) to '{folder}/d{at}.parquet' (format parquet)"
            )
    (problem,) = checks.ledger_rows_check(settings).problems
    assert "(d1): 3 rows were loaded, the ledger holds 2" in problem
