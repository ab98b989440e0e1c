"""The benchmark of the lists: copies must be as many people, not one person many times."""

from pathlib import Path

from care_kit import CareInstallation, message

from orchestration.coordination.stretched import TELLINGS, time_stretched_refresh


def test_copies_have_members_coordinators_and_visits_of_their_own(
    care: CareInstallation, tmp_path: Path
) -> None:
    """Copies that fall together are matched and listed as one, and the benchmark times nothing."""
    care.tasks = [
        ("cigna", "BEA", "HR_REVIEW", "HR3", "review", "OPEN", "two gaps", None, 12, None, None)
    ]
    care.publish()
    care.hospital(
        "2026-03-04",
        message("DORA", "A01", "2026-03-04 08:00", ADM_TS="2026-03-04 08:00"),
        message("EVE", "A01", "2026-03-04 08:00", MBR_ID="", ADM_TS="2026-03-04 08:00"),
    )
    # Six members of the program: four copies make 24.
    done = time_stretched_refresh(care.settings, 20, tmp_path / "large")
    assert (done.members, done.program_members) == (28, 24)
    assert (done.coordinators, done.cards) == (4, 4)
    assert done.messages == 2 * TELLINGS * 4
    queue = next((tmp_path / "large" / "worklists" / "current").glob("queue.csv")).read_text()
    assert "SEVERAL_MEMBERS_FIT" not in queue
    assert "NOBODY_FITS" not in queue
