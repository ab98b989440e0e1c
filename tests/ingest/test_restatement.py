"""What became known between two days: months and dollars before and after, replayed."""

import csv
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from intake_kit import CLINICIAN, SPAN, Installation, Row, fills, installation, lines
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import CareWarehouseError
from orchestration.ingest.restatement import Basis, MonthDifference, restatement_between


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def drop(
    house: Installation, rows: list[Row], name: str, day: str, feed: str = "medical_claims"
) -> None:
    house.drop(rows, name, feed, control={"delivered_on": day})
    house.take(feed)


def months(
    house: Installation, before: str, after: str, feed: str, basis: Basis = "service"
) -> dict[str, MonthDifference]:
    days = date.fromisoformat(before), date.fromisoformat(after)
    found = restatement_between(house.settings, *days, feed, basis)
    return {one.month: one for one in found.months}


def test_a_restated_month_says_which_rows_and_dollars_came_and_went(house: Installation) -> None:
    """Whoever signed last month's figures asks what moved them, to the cent."""
    first, second, third = lines(3)
    drop(house, [first, second], "2025-01.csv.gz", "2025-02-10")
    corrected = {**second, "ALLOW_AMT": "100.01", "SVC_FROM_DT": "20241231"}
    drop(house, [first, corrected, third], "2025-01.v2.csv.gz", "2025-04-10")
    found = months(house, "2025-03-31", "2025-04-30", "medical_claims")
    january, december = found["2025-01"], found["2024-12"]
    assert (january.before.rows, january.after.rows) == (2, 2)
    assert (january.rows_added, january.rows_removed) == (1, 1)
    assert (january.before.allowed_amount, january.after.allowed_amount) == (
        Decimal("220.00"),
        Decimal("220.00"),
    )
    assert december.before.rows == 0
    assert (december.after.allowed_amount, december.after.paid_amount) == (
        Decimal("100.01"),
        Decimal("90.00"),
    )
    by_period = months(house, "2025-03-31", "2025-04-30", "medical_claims", "period")
    assert list(by_period) == ["2025-01"]
    assert by_period["2025-01"].after.allowed_amount == Decimal("320.01")


def test_nothing_is_different_between_days_on_which_nothing_arrived(house: Installation) -> None:
    """A replay of a quiet week must say so, not report noise."""
    drop(house, lines(3), "2025-01.csv.gz", "2025-02-10")
    found = months(house, "2025-02-10", "2025-03-31", "medical_claims")
    assert [one.is_changed for one in found.values()] == [False]


def test_a_late_month_is_added_and_nothing_else_moves(house: Installation) -> None:
    """A month that was missing came after the next one."""
    drop(house, lines(2), "2025-01.csv.gz", "2025-02-10")
    late = [{**row, "CLM_ID": f"{row['CLM_ID']}L", "SVC_FROM_DT": "20241205"} for row in lines(2)]
    drop(house, late, "2024-12.csv.gz", "2025-03-15")
    found = months(house, "2025-02-28", "2025-03-31", "medical_claims")
    assert {month: (one.before.rows, one.after.rows) for month, one in found.items()} == {
        "2024-12": (0, 2),
        "2025-01": (2, 2),
    }
    assert not found["2025-01"].is_changed


def test_retroactive_eligibility_replaces_the_span_it_corrects(house: Installation) -> None:
    """Spans are only ever added to the ledger; what is in force is the newest of each key."""
    ended = {**SPAN, "COV_TERM_DT": "20240531"}
    newcomer = {**SPAN, "MBR_ID": "U2", "COV_EFF_DT": "20240301"}
    drop(house, [SPAN], "2024-06.csv.gz", "2024-07-10", "eligibility")
    drop(house, [ended, newcomer], "2024-09.csv.gz", "2024-10-10", "eligibility")
    found = months(house, "2024-09-30", "2024-10-31", "eligibility")
    january, march = found["2024-01"], found["2024-03"]
    assert (january.before.rows, january.after.rows) == (1, 1)
    assert (january.rows_added, january.rows_removed) == (1, 1)
    assert (march.before.rows, march.after.rows, march.after.paid_amount) == (0, 1, None)
    as_known = house.select("2024-09-30").selected
    assert [entry.period for entry in as_known] == ["2024-06"]


def test_a_newer_snapshot_removes_what_it_no_longer_lists(house: Installation) -> None:
    """A roster says who is there by leaving others out."""
    other = {**CLINICIAN, "NPI_NBR": "1987654328"}
    drop(house, [CLINICIAN, other], "2024-01.csv.gz", "2024-02-10", "provider_roster")
    drop(house, [CLINICIAN], "2025-01.csv.gz", "2025-02-10", "provider_roster")
    (one,) = months(house, "2024-12-31", "2025-02-28", "provider_roster").values()
    assert (one.before.rows, one.after.rows, one.rows_added, one.rows_removed) == (2, 1, 0, 1)


def test_the_command_prints_the_months_and_writes_all_of_them(
    house: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The figures go into somebody's spreadsheet: exact, one line a feed and month."""
    monkeypatch.setenv("CARE_DATA_DIR", str(house.settings.data_dir))
    drop(house, fills(2), "2025-01.csv.gz", "2025-02-10", "pharmacy_claims")
    drop(house, fills(3), "2025-01.v2.csv.gz", "2025-03-10", "pharmacy_claims")
    file = tmp_path / "difference.csv"
    ran = CliRunner().invoke(app, ["restatement", "2025-02-28", "2025-03-31", "--csv", str(file)])
    assert ran.exit_code == 0, ran.output
    assert "+41.50" in ran.output
    assert "no longer read: cigna/pharmacy_claims 2025-01 v1 of 2025-02-10" in ran.output
    (row,) = csv.DictReader(file.read_text().splitlines())
    assert (row["rows_before"], row["rows_after"]) == ("2", "3")
    assert (row["allowed_amount_before"], row["allowed_amount_after"]) == ("83.00", "124.50")


def test_days_in_the_wrong_order_and_unknown_feeds_are_refused(house: Installation) -> None:
    day = date(2025, 1, 1)
    with pytest.raises(CareWarehouseError, match="Name the earlier day first"):
        restatement_between(house.settings, day, day)
    with pytest.raises(CareWarehouseError, match="medical_claims"):
        restatement_between(house.settings, day, date(2025, 2, 1), "medical_claim")
