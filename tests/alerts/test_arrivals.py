"""Freshness, volume and quarantine of each feed, as warnings of the ledger's deliveries."""

import re
from pathlib import Path

import dagster as dg
import pytest
from intake_kit import LINE, Installation, fills, installation

from orchestration.checks import CheckOutcome, arrivals_check, feed_checks
from orchestration.defs.ledger.assets import deliveries
from orchestration.ingest import load_layouts

MONTHS = [f"2025-0{number}" for number in range(1, 6)]


@pytest.fixture
def house(tmp_path: Path) -> Installation:
    """Five months of fills, the last of them thin; claims for the first three months only."""
    house = installation(tmp_path)
    for number, month in enumerate(MONTHS):
        rows = [{**row, "RX_CLM_NO": f"{month}-{n}"} for n, row in enumerate(fills(40))]
        house.drop(rows[: 9 if month == MONTHS[-1] else 40], f"{month}.csv.gz")
        if number < 3:
            house.drop([{**LINE, "CLM_ID": month}], f"{month}.csv.gz", "medical_claims")
    house.take()
    house.take("medical_claims")
    house.select()
    return house


def judged(house: Installation, feed: str) -> CheckOutcome:
    house.select()
    return arrivals_check(
        house.settings, feed, load_layouts(house.settings).contracts[feed].every_month
    )


def test_a_thin_month_warns_with_what_is_usual(house: Installation) -> None:
    outcome = judged(house, "pharmacy_claims")
    assert outcome.problems == (
        "cigna/pharmacy_claims/2025-05: 9 rows, 40 are usual. Ask the sender whether the delivery"
        " is whole.",
    )
    assert (outcome.metadata["newest_month"], outcome.metadata["newest_month_rows"]) == (
        "2025-05",
        9,
    )


def test_a_feed_two_months_behind_its_sender_warns(house: Installation) -> None:
    """The months are there one after the other, so no gap would say that it has stopped."""
    (problem,) = judged(house, "medical_claims").problems
    assert "newest month is 2025-03, 2 behind" in problem


def test_a_quarantined_delivery_warns_until_its_place_is_filled(house: Installation) -> None:
    """Set aside and forgotten is lost; set aside and replaced is history."""
    house.drop(fills(40), "2025-04.v2.csv.gz", control={"sha256": "0" * 64})
    house.take()
    (waits, _) = judged(house, "pharmacy_claims").problems
    assert "2025-04" in waits
    assert "waits in quarantine: checksum_differs" in waits
    house.drop(fills(40), "2025-04.v3.csv.gz")
    house.take()
    assert len(judged(house, "pharmacy_claims").problems) == 1


def test_what_waits_stands_in_dagster_with_what_to_do(house: Installation) -> None:
    """On call at night, somebody reads this table and nothing else."""
    house.drop(fills(40), "2025-04.v2.csv.gz", control={"rows": 41})
    house.drop(b"", "2025-06.csv.gz")
    house.take()
    told = dg.materialize([deliveries], resources={"pipeline": house.settings})
    (event,) = told.asset_materializations_for_node("ledger__deliveries")
    assert event.metadata["quarantined_count"].value == 2
    _, _, *rows = str(event.metadata["quarantined"].value).splitlines()
    (miscounted,) = [row for row in rows if "2025-04.v2.csv.gz" in row]
    (empty,) = [row for row in rows if "2025-06.csv.gz" in row]
    assert "says 41 rows, the file has 40" in miscounted
    assert re.search(r"make release DELIVERY=[0-9a-f]{16} REASON=", miscounted)
    assert "Ask the sender to send it again" in empty
    assert "make release" not in empty


def test_a_feed_that_never_came_is_judged_too(house: Installation) -> None:
    assert judged(house, "care_log").passed


def test_every_feed_has_its_check_and_none_blocks(house: Installation) -> None:
    """One late sender must not hold everybody's publication; a missing month does that."""
    checks = {check.name: check for check in feed_checks(house.settings)}
    assert set(checks) == {f"arrivals_{feed}" for feed in load_layouts(house.settings).feeds}
    assert not any(check.blocking for check in checks.values())
    outcome = checks["arrivals_pharmacy_claims"].run(house.settings)
    assert outcome.status == "fail"
