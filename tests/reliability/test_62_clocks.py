"""FAULTS 62: clock jumps, daylight saving and other time zones have no effect on what is loaded."""

import hashlib
import time
from datetime import timedelta
from pathlib import Path

import pytest
from intake_kit import NOW, Row, as_csv, fills, installation

from orchestration.ingest import load_layouts
from orchestration.ingest.ledger import rows_path
from orchestration.settings import load_settings

HUB = "northwest_physicians_network"
# In the hour that comes twice in the autumn, and in the one that spring leaves out.
TOLD_AT = ("2024-11-03 01:30:00", "2024-03-10 02:30:00")


def admissions() -> list[Row]:
    """One admission at each odd hour, as the hub writes them."""
    layout = load_layouts(load_settings({})).senders[HUB].feeds["adt_events"]
    header = {column: names[0] for column, names in layout.headers.items()}
    return [
        {
            **dict.fromkeys(header.values(), ""),
            header["message_id"]: f"M{number}",
            header["message_at"]: told_at,
            header["event_type"]: "A01",
            header["event_at"]: told_at,
            header["facility_code"]: "WAH01",
            header["visit_number"]: "V1",
            header["admitted_at"]: told_at,
        }
        for number, told_at in enumerate(TOLD_AT)
    ]


def test_62_the_machines_clock_and_zone_change_no_row(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server moved to another zone must not turn every delivery into a restatement."""
    digests = set()
    for zone, days in (("UTC", 0), ("America/New_York", -400), ("Pacific/Kiritimati", 900)):
        house = installation(tmp_path / zone.replace("/", "_"))
        now = NOW + timedelta(days=days)
        with monkeypatch.context() as patch:
            patch.setenv("TZ", zone)
            time.tzset()
            house.drop(fills(3))
            house.drop(as_csv(admissions(), "|"), "2025-01.csv", "adt_events", HUB)
            taken = [*house.take(now=now).taken, *house.take("adt_events", now).taken]
        time.tzset()
        assert [one.entry.loaded_count for one in taken] == [3, 2]
        assert {str(one.entry.delivered_on) for one in taken} == {"2025-02-10"}
        told = house.rows(taken[1], "event_at::text, admitted_at::text")
        assert told == [(told_at, told_at) for told_at in TOLD_AT]
        paths = [rows_path(house.settings, one.entry) for one in taken]
        digests.add(tuple(hashlib.sha256(path.read_bytes()).hexdigest() for path in paths))
    assert len(digests) == 1
