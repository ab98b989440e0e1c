"""What holds for every delivery: no row is lost, and doing it again changes nothing."""

import random
import tempfile
from pathlib import Path

import duckdb
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from intake_kit import FILL, SPAN, Installation, Row, as_csv, fills, installation, parse_here

from orchestration.ingest import intake
from orchestration.ingest.ledger import read_entries
from orchestration.ingest.parsing import Parsed, ParseJob
from orchestration.settings import Settings

BAD: dict[str, dict[str, str]] = {
    "date": {"FILL_DT": "2025-02-31"},
    "amount": {"RX_PAID_AMT": "1e5"},
    "person": {"CARDHOLDER_ID": ""},
    "status": {"RX_STAT": "?"},
    "order": {"ADJUD_DT": "2024-12-31"},
}


@given(
    kinds=st.lists(st.sampled_from(["good", "repeat", "long", "short", *BAD]), max_size=60),
    seed=st.integers(0, 2**16),
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_rows_in_are_loaded_rejected_or_duplicates(kinds: list[str], seed: int) -> None:
    """Every row of every file is in exactly one of the three places, under its own number."""
    rows = as_csv(fills(200)).splitlines()
    header, records = rows[0], rows[1:]
    expected = {"loaded": 200, "rejected": 0, "duplicate": 0}
    for number, kind in enumerate(kinds):
        own: Row = {**FILL, "RX_CLM_NO": f"K{number}"}
        own |= BAD.get(kind, {})
        line = as_csv([own]).splitlines()[1]
        if kind == "repeat":
            line = records[number % 200]
        elif kind == "long":
            line += b",more"
        elif kind == "short":
            line = line.rsplit(b",", 1)[0]
        records.append(line)
        status = {"good": "loaded", "repeat": "duplicate"}.get(kind, "rejected")
        expected[status] += 1
    random.Random(seed).shuffle(records)
    with tempfile.TemporaryDirectory() as folder:
        house = installation(Path(folder)).configure(
            "feeds/pharmacy_claims.yml",
            {"greatest_rejected_share: 0.02": "greatest_rejected_share: 1"},
        )
        house.drop(b"\n".join([header, *records, b""]), "2025-01.csv", control={})
        outcome = house.take_one()
        entry = outcome.entry
        counts = (entry.loaded_count, entry.rejected_count, entry.duplicate_count)
        assert counts == tuple(expected.values())
        loaded = {row[0] for row in house.rows(outcome, "row_number")}
        others = {row[0] for row in house.rejects(outcome)}
        assert loaded | others == set(range(1, entry.row_count + 1))
        assert not loaded & others
        assert house.take().taken == ()


@given(order=st.permutations(range(4)), batches=st.lists(st.booleans(), min_size=4, max_size=4))
@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_the_ledger_does_not_depend_on_order_or_batches_of_arrival(
    order: list[int], batches: list[bool]
) -> None:
    """Whatever the network did, the same files make the same ledger."""
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        contents = []
        for folder, sequence, takes in ((first, range(4), [False] * 4), (second, order, batches)):
            house = installation(Path(folder))
            for number, take in zip(sequence, takes, strict=True):
                house.drop(fills(number + 1), f"2025-0{number + 1}.csv.gz")
                if take:
                    house.take()
            house.take()
            contents.append(_content(house))
        assert contents[0] == contents[1]


def _content(house: Installation) -> tuple[object, ...]:
    glob = house.settings.ledger_dir / "pharmacy_claims" / "*" / "*" / "*.parquet"
    with duckdb.connect() as connection:
        rows = connection.execute(f"select * from '{glob}' order by all").fetchall()
    return read_entries(house.settings), rows


def test_identical_rows_are_found_although_their_text_differs(tmp_path: Path) -> None:
    """`30` and `30.0` are one quantity; what the contract does not keep cannot tell rows apart."""
    house = installation(tmp_path)
    rows = [{**FILL, "EXTRA": "1"}, {**FILL, "EXTRA": "2", "QTY_DISP": "30.0"}]
    house.drop([*rows, {**FILL, "EXTRA": "1", "QTY_DISP": "31"}])
    outcome = house.take_one()
    assert (outcome.entry.loaded_count, outcome.entry.duplicate_count) == (2, 1)
    assert house.rejects(outcome) == [(2, "", "1", "duplicate_of_row")]


def test_rows_with_nulls_in_the_key_are_compared_too(tmp_path: Path) -> None:
    """`null = null` is unknown, so a join would never find these."""
    house = installation(tmp_path)
    house.drop([SPAN, SPAN, {**SPAN, "GRP_NO": ""}, {**SPAN, "GRP_NO": ""}], feed="eligibility")
    entry = house.take_one("eligibility").entry
    assert (entry.loaded_count, entry.duplicate_count) == (2, 2)


def test_a_crash_before_the_entry_leaves_nothing_half_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the rows were placed: the next intake takes the delivery as if never seen."""
    house = installation(tmp_path)
    house.drop(fills(3))

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("orchestration.ingest.ledger.write_entry", killed)
        with pytest.raises(KeyboardInterrupt):
            house.take()
    assert read_entries(house.settings) == ()
    assert house.take_one().status == "loaded"
    assert len(list((house.settings.ledger_dir / "pharmacy_claims").rglob("*.parquet"))) == 2


def test_a_full_disk_of_one_delivery_lets_the_others_in(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = installation(tmp_path)
    house.drop(fills(3), "2025-01.csv.gz")
    house.drop(fills(4), "2025-02.csv.gz")

    def full(settings: Settings, job: ParseJob) -> Parsed:
        if job.file.period == "2025-01":
            raise OSError(28, "No space left on device")
        return parse_here(settings, job)

    monkeypatch.setattr(intake, "parse_apart", full)
    with pytest.raises(OSError, match="No space left"):
        house.take()
    assert [entry.period for entry in read_entries(house.settings)] == ["2025-02"]


def test_a_loaded_entry_is_never_written_again(tmp_path: Path) -> None:
    from orchestration.ingest.ledger import write_entry

    house = installation(tmp_path)
    house.drop(fills(3))
    entry = house.take_one().entry
    with pytest.raises(RuntimeError, match="immutable"):
        write_entry(house.settings, entry)


def test_the_ledger_of_a_feed_that_never_came_can_be_read(tmp_path: Path) -> None:
    """A payer without a quality report must not break the build."""
    house = installation(tmp_path)
    house.take("reported_quality")
    glob = house.settings.ledger_dir / "reported_quality" / "*" / "*" / "*.parquet"
    with duckdb.connect() as connection:
        assert connection.execute(f"select * from '{glob}'").fetchall() == []
