"""Nights on a small file system that is full but for so many bytes; then with room again.

    python -m tests.reliability.full_disk <mounted folder>

A process of its own, because it forks (`test_by_force.py` mounts the folder).
"""

import os
import sys
from pathlib import Path

from orchestration.publication import current_generation
from orchestration.publication.generations import corrupted_files, generations_dir
from tests.reliability.disturb import FULL, REFUSED, fork
from tests.reliability.small_house import (
    differences,
    lighten,
    night,
    parcels,
    small_settings,
    state_of,
)

FREE_BYTES = (0, 60_000, 900_000)
"""None at all; too little for the intake; too little for the publication."""


def main(folder: Path) -> None:
    """Print how many disks were full; an assertion says what did not hold."""
    config = folder / "config"
    small_settings(folder, config)
    lighten(config)
    house, undisturbed = (small_settings(folder / name, config) for name in ("house", "other"))
    for parcel in parcels():
        parcel.drop(undisturbed)
        if parcel.delivered_on < "2025-04":
            parcel.drop(house)
    for settings in (house, undisturbed):
        ended = fork(lambda: night(settings), settings.data_dir).wait()  # noqa: B023
        assert ended.code == 0, ended.told
    old, new = current_generation(house), current_generation(undisturbed)
    for parcel in parcels():
        parcel.drop(house)
    ballast = folder / "ballast"
    full = 0
    for free in FREE_BYTES:
        _fill(ballast, free)
        ended = fork(lambda: night(house), house.data_dir).wait()
        assert ended.code in (0, FULL, REFUSED), f"{free} bytes free: {ended.told}"
        full += ended.code != 0
        found = current_generation(house)
        assert found in (old, new), f"{free} bytes free: {found} is current"
        problems = corrupted_files(generations_dir(house) / str(found))
        assert not problems, f"{free} bytes free: {problems}"
        ballast.unlink()

    def recover() -> None:
        night(house)
        odd = "\n".join(differences(state_of(house), state_of(undisturbed)))
        assert not odd, odd

    ended = fork(recover, house.data_dir).wait()
    assert ended.code == 0, ended.told
    assert current_generation(house) == new
    print(f"{full} full disks, each survived")


def _fill(ballast: Path, leave_free: int) -> None:
    """Take all space of the file system but so many bytes."""
    with ballast.open("wb") as file:
        space = os.statvfs(ballast.parent)
        os.posix_fallocate(file.fileno(), 0, max(space.f_bavail * space.f_frsize - leave_free, 1))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
