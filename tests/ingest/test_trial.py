"""Trying a file before it is dropped: what it says, and that it leaves nothing behind."""

import re
from pathlib import Path

import pytest
from intake_kit import Installation, as_csv, fills, installation, lines
from typer.testing import CliRunner

from orchestration.cli import app
from orchestration.errors import CareWarehouseError
from orchestration.ingest import load_layouts
from orchestration.ingest.remedies import NO_LONGER_GIVEN, remedy
from orchestration.ingest.trial import try_file
from orchestration.settings import PROJECT_ROOT


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path / "data")


def written(folder: Path, content: bytes, name: str = "2025-01.csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / name
    path.write_bytes(content)
    return path


def test_a_good_file_says_what_it_would_load_and_leaves_nothing(
    house: Installation, tmp_path: Path
) -> None:
    """A trial that wrote to the ledger would be a delivery."""
    file = written(tmp_path / "outbox", as_csv(fills(5)))
    (trial,) = try_file(house.settings, "cigna", file)
    assert (trial.feed, trial.loads) == ("pharmacy_claims", True)
    assert trial.outcome
    assert trial.outcome.entry.loaded_count == 5
    assert any("no control file" in told for told in trial.told)
    assert not house.settings.data_dir.exists()
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_rejects_are_told_with_row_value_and_remedy(house: Installation, tmp_path: Path) -> None:
    """The sender's engineer sees the same reasons as the night would."""
    rows = fills(30)
    rows[3]["QTY_DISP"] = "1e3"
    (trial,) = try_file(house.settings, "cigna", written(tmp_path, as_csv(rows)))
    assert trial.told[0].startswith("1 rejected: malformed_decimal in quantity. Ask the sender")
    (one,) = trial.rejected
    assert (one.row_number, one.place, one.value) == (4, "quantity", "1e3")


def test_a_file_that_is_nothing_is_told_for_every_feed(house: Installation, tmp_path: Path) -> None:
    """Which header is missing depends on what the file was meant to be."""
    trials = try_file(house.settings, "cigna", written(tmp_path, b"a|b\n1|2\n"))
    assert {trial.feed for trial in trials} == set(
        load_layouts(house.settings).senders["cigna"].feeds
    )
    assert all(trial.outcome and trial.outcome.status == "quarantined" for trial in trials)


def test_the_folder_says_the_feed(house: Installation, tmp_path: Path) -> None:
    """A file of claims lying among the fills is refused as fills."""
    file = written(tmp_path / "pharmacy_claims", as_csv(lines(2), "|"))
    (trial,) = try_file(house.settings, "cigna", file)
    assert trial.feed == "pharmacy_claims"
    assert not trial.loads
    (other,) = try_file(house.settings, "cigna", file, "medical_claims")
    assert other.loads


def test_a_name_that_says_no_month_is_a_problem(house: Installation, tmp_path: Path) -> None:
    """It would lie in the landing folder for ever."""
    file = written(tmp_path, as_csv(fills(2)), "january.csv")
    (trial,) = try_file(house.settings, "cigna", file, "pharmacy_claims")
    assert trial.outcome is None
    assert trial.problems[0].reason == "file_name_not_understood"


def test_unknown_senders_feeds_and_files_name_what_is_known(
    house: Installation, tmp_path: Path
) -> None:
    """A typing error in the command."""
    file = written(tmp_path, as_csv(fills(2)))
    with pytest.raises(CareWarehouseError, match="Did you mean 'cigna'"):
        try_file(house.settings, "cinga", file)
    with pytest.raises(CareWarehouseError, match="no usable layout of care_log"):
        try_file(house.settings, "cigna", file, "care_log")
    with pytest.raises(CareWarehouseError, match="is no file"):
        try_file(house.settings, "cigna", tmp_path / "absent.csv")


def test_the_command_ends_with_1_where_nothing_would_load(
    house: Installation, tmp_path: Path
) -> None:
    """A sender's own script can wait for it."""
    environment = {"CARE_DATA_DIR": str(house.settings.data_dir)}
    good = written(tmp_path / "good", as_csv(fills(2)))
    bad = written(tmp_path / "pharmacy_claims", b"a,b\n1,2\n")
    runner = CliRunner()
    done = runner.invoke(app, ["check-sender", "cigna", str(good)], env=environment)
    assert (done.exit_code, "2 loaded" in done.output) == (0, True), done.output
    done = runner.invoke(app, ["check-sender", "cigna", str(bad)], env=environment)
    assert (done.exit_code, "column_missing" in done.output) == (1, True), done.output


def test_every_reason_has_a_remedy(house: Installation) -> None:
    """Reasons are given in three places; one without a remedy would break the asset."""
    folder = PROJECT_ROOT / "orchestration" / "ingest"
    messages = (folder / "hl7_messages.py").read_text()
    given = set(re.findall(r'_Unreadable\([^)]*?"([a-z0-9_]+)"\)', messages, re.DOTALL))
    judged = (folder / "judge.py").read_text()
    given |= set(re.findall(r"then '([a-z_]+)'", judged))
    given |= {"required_value_missing", "not_a_calendar_date", "number_too_large", "unknown_value"}
    given |= {"malformed_decimal", "too_many_fields", "too_few_fields"}
    assert {"segment_missing", "too_long", "out_of_range", "event_differs"} <= given
    for contract in load_layouts(house.settings).contracts.values():
        for reason in given | {rule.name for rule in contract.rules if rule.breach == "reject"}:
            assert remedy(reason, contract) not in ("", NO_LONGER_GIVEN), reason
    assert remedy("a_rule_of_last_year", contract) == NO_LONGER_GIVEN
