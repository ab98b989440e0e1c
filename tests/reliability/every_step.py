"""Disturbs a night at every durable step it takes; each time the next night must make it good.

    python -m tests.reliability.every_step [--fault kill] [--every 1] [--first 1]

A process of its own, because it forks; the tests start it (`test_by_force.py`).
"""

import shutil
import tempfile
from pathlib import Path
from typing import Annotated, get_args

import typer

from orchestration.publication import current_generation
from orchestration.publication.generations import corrupted_files, generations_dir
from orchestration.settings import Settings
from tests.reliability.disturb import FULL, KILLED, REFUSED, Fault, fork
from tests.reliability.small_house import (
    State,
    differences,
    lighten,
    night,
    parcels,
    small_settings,
    state_of,
)

_ARRIVED_BEFORE = "2025-03-31"


def main(
    fault: str = "kill",
    every: Annotated[int, typer.Option(help="Disturb every so many steps.", min=1)] = 1,
    first: Annotated[int, typer.Option(help="The first step to disturb.", min=1)] = 1,
) -> None:
    """Run it and print one line; the first violation ends it with 1 and says where."""
    (kind,) = (one for one in get_args(Fault) if one == fault)
    with tempfile.TemporaryDirectory() as folder:
        steps, done = disturb_every_step(Path(folder).resolve(), kind, every, first)
    print(f"{fault}: {done} nights disturbed, each at one of {steps} steps; all recovered")


def disturb_every_step(folder: Path, fault: Fault, every: int, first: int) -> tuple[int, int]:
    """Returns how many steps a night has and how many nights were disturbed."""
    config = folder / "config"
    small_settings(folder, config)
    lighten(config)
    before = small_settings(folder / "before", config)
    for parcel in parcels():
        if parcel.delivered_on <= _ARRIVED_BEFORE:
            parcel.drop(before)
    _must_succeed(before)
    old = current_generation(before)
    for parcel in parcels():
        if parcel.delivered_on > _ARRIVED_BEFORE:
            parcel.drop(before)
    undisturbed = _copy(before, folder / "undisturbed", config)
    steps = _must_succeed(undisturbed)
    new = current_generation(undisturbed)
    assert old != new
    numbers = range(first, steps + 1, every)
    for number in numbers:
        house = _copy(before, folder / "disturbed", config)
        ended = fork(lambda: night(house), house.data_dir, number, fault).wait()  # noqa: B023
        where = f"{fault} at step {number} of {steps}"
        # What is only swept up after the swap may meet the full disk in vain.
        expected = (KILLED,) if fault == "kill" else (0, FULL, REFUSED)
        _require(ended.code in expected, f"{where}: ended with {ended.code}\n{ended.told}")
        found = current_generation(house)
        _require(found in (old, new), f"{where}: {found} is current, neither {old} nor {new}")
        problems = corrupted_files(generations_dir(house) / str(found))
        _require(not problems, f"{where}: {found} is no whole generation: {problems}")
        _must_succeed(house, undisturbed, where)
        _require(current_generation(house) == new, f"{where}: the next night published otherwise")
        left = [path.name for path in generations_dir(house).glob(".building*")]
        _require(not left, f"{where}: {left} is left behind")
    return steps, len(numbers)


def _copy(house: Settings, into: Path, config: Path) -> Settings:
    shutil.rmtree(into, ignore_errors=True)
    shutil.copytree(house.data_dir, into, symlinks=True)
    return small_settings(into, config)


def _must_succeed(house: Settings, like: Settings | None = None, where: str = "") -> int:
    """Run a night and, where asked, hold its state to another's; returns its steps."""

    def work() -> None:
        night(house)
        if like is not None:
            expected: State = state_of(like)
            odd = "\n".join(differences(state_of(house), expected))
            _require(not odd, f"{where}: the next night came to another state: {odd}")

    ended = fork(work, house.data_dir).wait()
    _require(ended.code == 0, f"{where}: the night ended with {ended.code}\n{ended.told}")
    return ended.steps


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


if __name__ == "__main__":
    typer.run(main)
