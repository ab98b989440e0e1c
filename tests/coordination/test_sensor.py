"""A message that is dropped reaches the lists by itself: sensor, intake, lists; no night."""

import dagster as dg
import pytest
from care_kit import PROGRAM, CareInstallation, Lists, message

from orchestration.coordination.refresh import worklists_dir
from orchestration.defs.coordination.assets import daily_lists
from orchestration.defs.sensors import care_message_sensor


def test_a_dropped_message_is_on_the_list_without_a_night(
    care: CareInstallation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Lists that wait for the night are of yesterday; asking twice must not write them twice."""
    monkeypatch.setenv("CARE_DATA_DIR", str(care.settings.data_dir))
    monkeypatch.setenv("CARE_THREADS", "1")
    context = dg.build_sensor_context()
    assert isinstance(care_message_sensor(context), dg.SkipReason)
    care.hospital(
        "2026-03-04",
        message("DORA", "A01", "2026-03-04 08:00", ADM_TS="2026-03-04 08:00"),
        is_taken=False,
    )
    asked = [care_message_sensor(context), care_message_sensor(context)]
    assert isinstance(asked[0], dg.RunRequest)
    assert isinstance(asked[1], dg.RunRequest)
    assert asked[0].run_key == asked[1].run_key
    assert asked[0].job_name in (None, "daily_lists")
    assert dg.materialize([daily_lists]).success
    folder = worklists_dir(care.settings) / "current"
    rows = Lists.rows_of(folder / PROGRAM / "NPN-N01" / "in_hospital.csv")
    assert [row["person_id"] for row in rows] == ["DORA"]
    assert isinstance(care_message_sensor(context), dg.SkipReason)
    assert not care.settings.warehouse_file.exists()
