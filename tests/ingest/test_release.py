"""Releasing a quarantined delivery: who may, for which faults, and what is kept of it."""

from datetime import date
from pathlib import Path

import pytest
from intake_kit import Installation, fills, installation

from orchestration import checks
from orchestration.errors import CareWarehouseError
from orchestration.ingest.ledger import Entry, read_releases
from orchestration.ingest.release import release_delivery

TODAY = date(2026, 11, 2)
REASON = "Confirmed by the payer's help desk on 1 November: the file is right."


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    return installation(tmp_path)


def quarantined(house: Installation) -> Entry:
    outcome = house.take_one()
    assert outcome.status == "quarantined"
    return outcome.entry


def release(house: Installation, entry: Entry, reason: str = REASON) -> None:
    release_delivery(house.settings, entry.delivery_id, reason, "engineer", TODAY)


def test_a_released_delivery_loads_its_good_rows_and_says_who_answers(house: Installation) -> None:
    """Twelve bad rows of forty that everybody knows of must not cost the month."""
    bad = [{**row, "QTY_DISP": "1e3"} for row in fills(12)]
    house.drop([*bad, *fills(40)[12:]])
    entry = quarantined(house)
    assert entry.reason == "too_many_rejects"
    assert house.take().taken == ()
    release(house, entry)
    outcome = house.take_one()
    assert outcome.status == "loaded"
    assert (outcome.entry.loaded_count, outcome.entry.rejected_count) == (28, 12)
    assert outcome.entry.warnings == (f"released by engineer on 2026-11-02: {REASON}",)
    assert outcome.entry.judged_by != entry.judged_by
    assert len(house.rejects(outcome)) == 12
    assert house.take().taken == ()


def test_a_released_delivery_does_not_hold_publication(house: Installation) -> None:
    """The gate counts rejects again; without the release it would refuse for ever."""
    bad = [{**row, "QTY_DISP": "1e3"} for row in fills(12)]
    house.drop([*bad, *fills(40)[12:]])
    release(house, quarantined(house))
    house.take_one()
    house.select()
    assert checks.reject_threshold_check(house.settings).passed


@pytest.mark.parametrize(
    ("control", "fault"),
    [
        ({"rows": 7}, "row_count_differs"),
        ({"sums": {"RX_PAID_AMT": "1.00"}}, "sum_differs"),
        ({"sha256": "0" * 64}, "checksum_differs"),
    ],
)
def test_a_wrong_control_file_can_be_set_aside(
    house: Installation, control: dict[str, object], fault: str
) -> None:
    """The sender confirms the file and cannot send its control file again."""
    house.drop(fills(3), control=control)
    entry = quarantined(house)
    assert entry.reason == fault
    release(house, entry)
    outcome = house.take_one()
    assert (outcome.status, outcome.entry.loaded_count) == ("loaded", 3)
    assert str(outcome.entry.delivered_on) == "2025-02-10"


def test_only_what_somebody_can_answer_for_is_released(house: Installation) -> None:
    """Half an archive has no rows to answer for."""
    house.drop(b"\x1f\x8b\x08\x00 cut", "2025-01.csv.gz")
    entry = quarantined(house)
    with pytest.raises(CareWarehouseError, match=f"{entry.reason}, which cannot be released"):
        release(house, entry)
    assert read_releases(house.settings) == {}


def test_a_release_where_nothing_good_is_left_loads_nothing(house: Installation) -> None:
    """A delivery of rejects only would empty the month it replaces."""
    house.drop([{**row, "QTY_DISP": "1e3"} for row in fills(12)])
    release(house, quarantined(house))
    assert house.take_one().status == "quarantined"


def test_a_release_needs_a_delivery_a_reason_and_the_file(house: Installation) -> None:
    """A typing error, an empty answer, a file that was tidied away."""
    path = house.drop(fills(3), control={"rows": 7})
    entry = quarantined(house)
    with pytest.raises(CareWarehouseError, match="says too little"):
        release(house, entry, "ok")
    with pytest.raises(CareWarehouseError, match=f"Did you mean '{entry.delivery_id}'"):
        release_delivery(house.settings, entry.delivery_id[:-1], REASON, "engineer", TODAY)
    path.unlink()
    with pytest.raises(CareWarehouseError, match="is not there any more"):
        release(house, entry)


def test_what_is_loaded_needs_no_release(house: Installation) -> None:
    """A second release of the same id is a mistake worth telling."""
    house.drop(fills(3))
    entry = house.take_one().entry
    with pytest.raises(CareWarehouseError, match="is loaded already"):
        release(house, entry)
