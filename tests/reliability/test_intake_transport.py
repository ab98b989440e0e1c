"""FAULTS 1 to 18: what can go wrong between a sender's disk and the ledger."""

import gzip
import json
import os
from datetime import timedelta
from itertools import permutations
from pathlib import Path

import pytest
from intake_kit import FILL, NOW, Installation, as_csv, fills, installation, parse_here

from orchestration.ingest import landing_problems, pending, read_selection
from orchestration.ingest.ledger import read_entries


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def quarantined(house: Installation, reason: str) -> str:
    """Take a broken file beside a good one; only the broken one must be set aside."""
    house.drop(fills(2), "2024-12.csv.gz", control={"delivered_on": "2025-01-10"})
    intake = house.take()
    by_name = {outcome.entry.file_name: outcome for outcome in intake.taken}
    good = by_name.pop("2024-12.csv.gz")
    assert (good.status, good.entry.loaded_count) == ("loaded", 2)
    (broken,) = by_name.values()
    assert (broken.status, broken.entry.reason) == ("quarantined", reason)
    assert (house.folder() / broken.entry.file_name).exists()
    assert [entry.file_name for entry in read_selection(house.settings).selected] == [
        "2024-12.csv.gz"
    ]
    return broken.entry.message


def test_01_truncated_archive(house: Installation) -> None:
    """Older engines returned the part before the cut as if it were all."""
    packed = gzip.compress(as_csv(fills(500)), mtime=0)
    house.drop(packed[: len(packed) // 2], with_control=False)
    assert "ends before its trailer" in quarantined(house, "gzip_truncated")


def test_02_archive_with_a_bad_crc(house: Installation) -> None:
    """The engine accepts a wrong checksum silently."""
    packed = bytearray(gzip.compress(as_csv(fills(500)), mtime=0))
    packed[-8] ^= 1
    house.drop(bytes(packed), with_control=False)
    assert "damaged" in quarantined(house, "gzip_corrupt")


@pytest.mark.parametrize("cut", [1, 4, 8])
def test_03_missing_gzip_trailer(house: Installation, cut: int) -> None:
    """All rows are there, but nothing proves it."""
    packed = gzip.compress(as_csv(fills(500)), mtime=0)
    house.drop(packed[:-cut], with_control=False)
    quarantined(house, "gzip_truncated")


def test_04_flipped_bit_against_the_control_sum(house: Installation) -> None:
    content = as_csv(fills(5))
    house.drop(content.replace(b"41.50", b"41.70", 1), "2025-01.csv", control={"sha256": "0" * 64})
    assert "0000" in quarantined(house, "checksum_differs")


def test_05_a_file_still_uploading_is_left_alone(tmp_path: Path) -> None:
    """Half a file was once loaded and published as the month's claims."""
    house = installation(tmp_path, CARE_SETTLE_SECONDS="60")
    path = house.drop(fills(3), with_control=False)
    just_now = NOW.timestamp() - 5
    os.utime(path, (just_now, just_now))
    intake = house.take()
    assert (intake.taken, [file.path for file in intake.waiting]) == ((), [path])
    later = house.take(now=NOW + timedelta(seconds=60))
    assert [outcome.status for outcome in later.taken] == ["loaded"]
    house.drop(fills(1), "2025-02.csv.gz.part")
    assert house.take().taken == ()


def test_06_zero_bytes(house: Installation) -> None:
    house.drop(b"", "2025-01.csv.gz", with_control=False)
    quarantined(house, "empty_file")


def test_06_an_archive_of_nothing(house: Installation) -> None:
    house.drop(gzip.compress(b""), "2025-01.csv.gz", with_control=False)
    quarantined(house, "empty_file")


def test_07_header_only_unless_the_feed_may_be_empty(house: Installation) -> None:
    """A broken query that finds nothing looks like a month in which nobody fell ill."""
    header_only = as_csv([FILL]).splitlines()[0] + b"\n"
    house.drop(header_only, "2025-01.csv", with_control=False)
    assert "may_be_empty" in quarantined(house, "header_only")
    house.drop(header_only, "2025-02.csv", control={"rows": 0})
    stated = house.take_one()
    assert (stated.status, stated.entry.row_count) == ("loaded", 0)


@pytest.mark.parametrize(
    ("control", "reason", "told"),
    [
        ({"rows": 4}, "row_count_differs", "says 4 rows, the file has 3"),
        ({"sums": {"RX_PAID_AMT": "94.51"}}, "sum_differs", "94.51"),
        ({"sums": {"RX_PAYD_AMT": "94.50"}}, "sum_differs", "RX_PAYD_AMT"),
        ({"rows": "three"}, "control_unreadable", "three"),
        ({"row": 3}, "control_unreadable", "Did you mean 'rows'"),
    ],
)
def test_08_control_totals_differ(
    house: Installation, control: dict[str, object], reason: str, told: str
) -> None:
    house.drop(fills(3), control=control)
    assert told in quarantined(house, reason)


def test_08_sums_hold_over_rejected_and_repeated_rows_too(house: Installation) -> None:
    """The sender summed what it sent, not what a receiver would accept."""
    rows = [*fills(3), fills(1)[0], {**FILL, "RX_CLM_NO": "R9", "NDC_11": "123"}]
    rows.append({**FILL, "RX_CLM_NO": "R10", "RX_PAID_AMT": "12.3.4"})
    sums = {"RX_PAID_AMT": "157.50", "RX_ALLOW_AMT": "249.00"}
    house.drop(rows, control={"rows": 6, "sums": sums})
    entry = house.take_one().entry
    counts = (entry.row_count, entry.loaded_count, entry.rejected_count, entry.duplicate_count)
    assert counts == (6, 3, 2, 1)


def test_09_same_bytes_again_do_nothing(house: Installation) -> None:
    """A mirror job that touches every file each night must not double the claims."""
    path = house.drop(fills(3))
    house.take()
    assert house.take().taken == ()
    os.utime(path, (NOW.timestamp() + 5,) * 2)
    again = house.take_one()
    assert again.status == "duplicate"
    assert "nothing done" in str(again)
    assert len(read_entries(house.settings)) == 1


def test_10_same_name_with_new_bytes_restates_with_a_difference(house: Installation) -> None:
    house.drop(fills(3))
    first = house.take_one()
    house.drop([*fills(2), {**FILL, "RX_CLM_NO": "R500"}, {**FILL, "RX_CLM_NO": "R501"}])
    second = house.take_one()
    assert second.difference is not None
    assert second.difference.restated_id == first.entry.delivery_id
    assert (second.difference.rows_added, second.difference.rows_removed) == (2, 1)
    assert len(house.select().selected) == 1


def test_11_new_name_with_the_same_bytes_is_no_new_delivery(house: Installation) -> None:
    house.drop(fills(3))
    house.take()
    house.drop(fills(3), "2025-01.v2.csv.gz", control={"delivered_on": "2025-03-01"})
    assert house.take_one().status == "duplicate"
    assert len(read_entries(house.settings)) == 1
    house.drop(fills(3), "2025-02.csv.gz")
    assert house.take_one().status == "loaded"


def test_11_a_revert_to_the_first_bytes_counts_as_the_newest_version(house: Installation) -> None:
    """Restated by mistake and taken back: the same bytes must win again, without new rows."""
    house.drop(fills(3), control={"delivered_on": "2025-02-10"})
    house.drop(fills(2), "2025-01.v2.csv.gz", control={"delivered_on": "2025-03-10"})
    house.drop(fills(3), "2025-01.v3.csv.gz", control={"delivered_on": "2025-04-10"})
    house.take()
    assert [entry.loaded_count for entry in house.select("2025-02-28").selected] == [3]
    assert [entry.loaded_count for entry in house.select("2025-03-31").selected] == [2]
    assert [entry.loaded_count for entry in house.select("2025-04-30").selected] == [3]


@pytest.mark.parametrize("feed", ["pharmacy_claims", "eligibility"])
def test_12_a_corrected_month_replaces_and_never_adds(house: Installation, feed: str) -> None:
    from intake_kit import SAMPLE

    person = "CARDHOLDER_ID" if feed == "pharmacy_claims" else "MBR_ID"
    house.drop([{**SAMPLE[feed], person: "U1"}, {**SAMPLE[feed], person: "U2"}], feed=feed)
    corrected = [{**SAMPLE[feed], person: "U3"}]
    house.drop(corrected, "2025-01.v2.csv.gz", feed=feed, control={"delivered_on": "2025-03-10"})
    house.take(feed)
    assert [(entry.version, entry.loaded_count) for entry in house.select().selected] == [(2, 1)]


def test_13_and_17_any_order_of_arrival_gives_the_same_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files of one night arrive in the order the network likes."""
    monkeypatch.setattr("orchestration.ingest.selection.code_version", lambda: "one code")
    files = {
        "2025-01.csv.gz": (fills(3), "2025-02-10"),
        "2025-01.v2.csv.gz": (fills(4), "2025-03-10"),
        "2025-01.v3.csv.gz": (fills(3), "2025-03-10"),
        "2025-02.csv.gz": (fills(5), "2025-03-10"),
    }
    *versions, other_month = files
    choices = set()
    for number, order in enumerate(permutations(versions)):
        house = installation(tmp_path / str(number))
        for name in (*order[: number % 4], other_month, *order[number % 4 :]):
            rows, delivered_on = files[name]
            house.drop(rows, name, control={"delivered_on": delivered_on})
            if number % 2 == 0:
                house.take()
        house.take()
        selection = house.select()
        choices.add(
            (
                selection.input_version,
                *(
                    (d.entry.delivery_id, d.entry.version, d.is_selected, d.delivery_order)
                    for d in selection.deliveries
                ),
            )
        )
    assert len(choices) == 1


def test_17_two_files_with_one_claim_are_flagged_and_ordered_by_content(
    tmp_path: Path,
) -> None:
    winners = set()
    for first, second in ((3, 4), (4, 3)):
        house = installation(tmp_path / str(first))
        house.drop(fills(first))
        house.take()
        house.drop(fills(second))
        house.take()
        selection = house.select()
        assert "claim version 1" in selection.contested[0]
        winners.add(selection.selected[0].sha256)
    assert len(winners) == 1


def test_15_bomb_is_refused_before_it_expands(house: Installation) -> None:
    """A kilobyte that becomes a gigabyte fills the disk of the ledger."""
    house.drop(gzip.compress(b"0" * 200_000_000), "2025-01.csv.gz", with_control=False)
    assert "expand" in quarantined(house, "expands_too_much")


def test_15_bomb_that_lies_about_its_size(house: Installation) -> None:
    packed = gzip.compress(b"0\n" * 50_000_000)
    house.drop(packed[:-4] + (1000).to_bytes(4, "little"), with_control=False)
    quarantined(house, "expands_too_much")


def test_15_a_line_without_end_is_refused_before_it_fills_the_memory(house: Installation) -> None:
    """Line ends lost in a transfer make one line of a whole extract."""
    content = as_csv(fills(3)) + b"R" * (17 << 20)
    house.drop(content, "2025-01.csv")
    outcome = house.take_one()
    assert (outcome.status, outcome.entry.reason) == ("quarantined", "line_too_long")
    assert "Line 5 is longer than 16 MiB" in outcome.entry.message


def test_15_more_rows_than_any_extract_has_are_refused(
    house: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Empty lines pack a thousand million to a megabyte."""
    monkeypatch.setattr("orchestration.ingest.verification._GREATEST_ROWS", 10)
    monkeypatch.setattr("orchestration.ingest.intake.parse_apart", parse_here)
    house.drop(fills(10))
    assert house.take_one().entry.reason == "too_many_rows"


def test_15_a_control_file_beyond_all_measure_is_not_read(house: Installation) -> None:
    path = house.drop(fills(3))
    path.with_name(f"{path.name}.control.json").write_text(" " * (1 << 20) + "{}")
    outcome = house.take_one()
    assert outcome.entry.reason == "control_unreadable"
    assert "larger than 1 MiB" in outcome.entry.message


def test_16_links_out_of_the_landing_folder_are_not_followed(
    house: Installation, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.csv"
    secret.write_bytes(as_csv(fills(2)))
    (house.folder() / "2025-01.csv").symlink_to(secret)
    (house.settings.landing_dir / "primed").symlink_to(tmp_path)
    intake = house.take()
    assert intake.taken == ()
    assert [problem.reason for problem in intake.problems] == ["not_a_plain_file"]
    reasons = {problem.path.name: problem.reason for problem in landing_problems(house.settings)}
    assert reasons == {"2025-01.csv": "not_a_plain_file", "primed": "not_a_plain_file"}


def test_16_no_name_can_leave_the_ledger(house: Installation) -> None:
    house.drop(fills(1), "2025-01...csv")
    house.drop(fills(1), "2025-13.csv")
    house.drop(fills(1), "2025-01.a..b.csv")
    assert house.take().taken == ()
    assert {problem.reason for problem in house.take().problems} == {"file_name_not_understood"}


@pytest.mark.parametrize(
    "name",
    [
        "2025-01 (copy).csv.gz",
        "2025-01'.csv.gz",
        'a"; rm -rf $HOME;".csv',
        "Jänner.csv",
        "a\nb.csv",
    ],
)
def test_18_odd_file_names_are_told_not_run(house: Installation, name: str) -> None:
    house.drop(fills(1), name)
    intake = house.take()
    assert intake.taken == ()
    assert [problem.reason for problem in intake.problems] == ["file_name_not_understood"]
    assert repr(name) in intake.problems[0].message


def test_18_an_installation_may_lie_under_an_odd_path(tmp_path: Path) -> None:
    house = installation(tmp_path / 'it\'s "my" data é')
    house.drop(fills(3))
    assert house.take_one().entry.loaded_count == 3


def test_unknown_sender_and_feed_are_named_with_the_nearest(house: Installation) -> None:
    """A folder with a typing error must not be overlooked for months."""
    house.drop(fills(1), source="cinga")
    house.drop(fills(1), feed="pharmacy_claim")
    house.drop(fills(1), feed="medical_claims", source="primed")
    house.drop(fills(2), "2025-02.csv.gz")
    assert house.take_one().status == "loaded"
    problems = {problem.reason: problem.message for problem in landing_problems(house.settings)}
    assert "Did you mean 'cigna'" in problems["unknown_sender"]
    assert "Did you mean 'pharmacy_claims'" in problems["unknown_feed"]
    assert "provider_roster" in problems["feed_not_declared"]
    assert [problem.reason for problem in house.take().problems] == ["unknown_sender"]


def test_quarantined_file_is_judged_again_when_its_control_file_is_mended(
    house: Installation,
) -> None:
    path = house.drop(fills(3), control={"rows": 30})
    assert house.take_one().status == "quarantined"
    assert house.take().taken == ()
    assert pending(house.settings) == ()
    control = path.with_name(f"{path.name}.control.json")
    control.write_text(json.dumps({"rows": 3, "delivered_on": "2025-02-10"}))
    os.utime(control, (NOW.timestamp() + 60,) * 2)
    assert [file.path for file in pending(house.settings)] == [path]
    assert house.take_one().status == "loaded"


def test_delivered_on_is_the_day_first_seen_when_no_control_file_says(house: Installation) -> None:
    """Read from the clock once and kept for ever, so that a replay next year agrees."""
    path = house.drop(fills(3), with_control=False)
    house.take()
    os.utime(path, (NOW.timestamp() - 60,) * 2)
    house.take(now=NOW + timedelta(days=400))
    assert [str(entry.delivered_on) for entry in read_entries(house.settings)] == ["2026-11-01"]
