"""Random kills, faults and reorderings; whatever happened, the end equals an undisturbed run.

    python -m tests.reliability.thousand_faults --seed 1 --count 1000

One history after the other: an empty installation, the same deliveries in another order and other
batches, some of them first cut, unfinished or with a wrong control file; and after each batch a
night that is killed, starved of disk, run beside another, overtaken, or robbed of its warehouse, or
a flipped bit in what is published. After each disturbance `current` is the generation that stood
there before or a whole one of the newest inputs. At the end of a history one night without
disturbance must come to the state of an installation that never saw a fault. Equal seeds choose
equally, though where a kill by the clock strikes is up to the machine.
"""

import json
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from orchestration.ingest.ledger import read_entries, rows_path
from orchestration.publication import current_generation, verify_current
from orchestration.publication.generations import corrupted_files, generations_dir
from orchestration.settings import Settings
from tests.reliability.disturb import BROKEN, REFUSED, Ended, Fault, Forked, fork
from tests.reliability.small_house import (
    Parcel,
    differences,
    lighten,
    night,
    parcels,
    small_settings,
    state_of,
)

STEPS = 330
"""About so many durable steps has a night with everything to do."""
LONGEST_SECONDS = 1.5
BLOCKED_SECONDS = 4.0
PER_HISTORY = 25


def main(
    seed: Annotated[int, typer.Option(help="Equal seeds choose equally.")] = 1,
    count: Annotated[int, typer.Option(help="Disturbances in all.", min=1)] = 1000,
) -> None:
    """Run it and print what was done; the first violation ends it with 1 and says where."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        done, histories = disturb(Path(folder).resolve(), seed, count)
    print(json.dumps(dict(sorted(done.items()))))
    print(
        f"seed {seed}: {sum(done.values())} disturbances in {histories} histories, every one ended"
        f" in the state of an undisturbed run; {time.monotonic() - started:.0f} s"
    )


def disturb(folder: Path, seed: int, count: int) -> tuple[Counter[str], int]:
    """Disturb until `count` is reached; returns disturbances by kind, and histories."""
    config = folder / "config"
    small_settings(folder, config)
    lighten(config)
    reference = small_settings(folder / "undisturbed", config)
    for parcel in parcels():
        parcel.drop(reference)
    ended = fork(lambda: night(reference), reference.data_dir).wait()
    assert ended.code == 0, ended.told
    done: Counter[str] = Counter()
    histories = 0
    while sum(done.values()) < count:
        histories += 1
        house = small_settings(folder / f"history-{histories}", config)
        rng = random.Random(f"{seed}/{histories}")
        history = _History(house, rng, f"seed {seed}, history {histories}", done)
        history.run(min(PER_HISTORY, count - sum(done.values())))
        history.end(reference)
        shutil.rmtree(house.data_dir)
        print(f"\r{sum(done.values())} of {count}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return done, histories


@dataclass
class _History:
    """One installation from its first delivery to the last."""

    house: Settings
    rng: random.Random
    name: str
    done: Counter[str]
    waiting: list[Parcel] = field(default_factory=list)
    to_mend: list[Parcel] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def run(self, disturbances: int) -> None:
        """Deliver in random order and batches, with a disturbed night after each batch."""
        until = sum(self.done.values()) + disturbances
        self.waiting = list(parcels())
        self.rng.shuffle(self.waiting)
        self._count("reordered")
        while sum(self.done.values()) < until:
            self._deliver(self.rng.randint(0, 4))
            if self.to_mend and self.rng.random() < 0.4:
                self.to_mend.pop(0).drop(self.house)
            before = current_generation(self.house)
            kind = self.rng.choice(list(self._nights()))
            self._nights()[kind]()
            self._count(kind)
            self._hold(before)
        for parcel in self.waiting:
            parcel.drop(self.house)

    def end(self, reference: Settings) -> None:
        """What is still damaged is mended; one night without disturbance makes everything good."""
        for parcel in self.to_mend:
            parcel.drop(self.house)
        if self.rng.random() < 0.5:
            self.rng.choice(parcels()).drop(self.house)
            self._count("sent_again")

        def work() -> None:
            night(self.house)
            odd = "\n".join(differences(state_of(self.house), state_of(reference)))
            assert not odd, odd

        ended = fork(work, self.house.data_dir).wait()
        self._require(ended.code == 0, f"the last night ended with {ended.code}\n{ended.told}")
        left = [path.name for path in generations_dir(self.house).glob(".building*")]
        self._require(not left, f"{left} is left behind")

    def _deliver(self, count: int) -> None:
        for _ in range(min(count, len(self.waiting))):
            self._drop(self.waiting.pop())

    def _drop(self, parcel: Parcel) -> None:
        fault = self.rng.choice(["whole", "whole", "cut", "uploading", "wrong_control"])
        if fault != "whole":
            self.to_mend.append(parcel)
            self._count(fault)
        if fault == "cut":
            cut = self.rng.randint(1, len(parcel.content) - 1)
            replace(parcel, content=parcel.content[:cut]).drop(self.house)
        elif fault == "uploading":
            path = parcel.path(self.house)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(parcel.content[: len(parcel.content) // 2])
        else:
            parcel.drop(self.house, sha256="0" * 64 if fault == "wrong_control" else None)

    def _nights(self) -> Mapping[str, Callable[[], None]]:
        return {
            "killed_at_a_step": lambda: self._end(self._start("kill").wait()),
            "killed_by_the_clock": self._killed_by_the_clock,
            "disk_full_once": lambda: self._end(self._start("disk_full").wait()),
            "disk_full_from_a_step_on": lambda: self._end(self._start("disk_full_for_good").wait()),
            "two_at_once": self._two_at_once,
            "overtaken": self._overtaken,
            "published_bit_flipped": self._flipped,
            "warehouse_lost": self._lost,
        }

    def _start(self, fault: Fault, at: int | None = None) -> Forked:
        # Later nights have fewer steps, so the first ones are chosen more often.
        at = at or 1 + int(STEPS * self.rng.random() ** 1.5)
        self.told.append(f"{fault} at {at}")
        return fork(lambda: night(self.house), self.house.data_dir, at, fault)

    def _undisturbed(self) -> Forked:
        return fork(lambda: night(self.house), self.house.data_dir)

    def _killed_by_the_clock(self) -> None:
        seconds = self.rng.uniform(0, LONGEST_SECONDS)
        self.told.append(f"killed after {seconds:.2f} s")
        self._end(self._undisturbed().wait(seconds))

    def _two_at_once(self) -> None:
        """The second waits for the first, which may die meanwhile."""
        first, second = self._start("kill"), self._undisturbed()
        self._end(first.wait())
        self._end(second.wait())

    def _overtaken(self) -> None:
        """A run is stopped, its lock file deleted, another runs; then the first wakes up."""
        first = self._start("stop", self.rng.randint(STEPS // 5, STEPS * 3 // 5))
        if not first.wait_until_stopped():
            self._end(first.wait())
            return
        self.house.lock_file.unlink(missing_ok=True)
        self._deliver(2)
        # Where the first stands inside a lock that is still there, this one waits and is ended.
        second = self._undisturbed().wait(BLOCKED_SECONDS)
        if second.code == BROKEN and "Could not set lock on file" in second.told:
            self.told.append("the engine kept the second out of a file that the first has open")
        else:
            self._end(second)
        newest = current_generation(self.house)
        first.signal(signal.SIGCONT)
        late = first.wait()
        # It may stumble over whatever the other has moved on, but it must not publish.
        self.told.append(f"woke up and ended with {late.code}: {late.told.splitlines()[-1:]}")
        found = current_generation(self.house)
        self._require(
            second.code != 0 or found == newest,
            f"a run that was overtaken put {found} in the place of {newest}",
        )
        if second.code == 0 and late.code == REFUSED and "overtaken" in late.told:
            self._count("refused_by_the_fence")

    def _is_older(self, generation: str | None) -> bool:
        """Whether a generation is of other inputs than the newest run's."""
        run = json.loads((self.house.inputs_dir / "run.json").read_text())
        manifest = generations_dir(self.house) / str(generation) / "manifest.json"
        return bool(
            json.loads(manifest.read_text())["inputs"]["run"]["input_version"]
            != run["input_version"]
        )

    def _flipped(self) -> None:
        name = current_generation(self.house)
        if name is None:
            self._end(self._undisturbed().wait())
            return
        files = sorted(p for p in (generations_dir(self.house) / name).rglob("*") if p.is_file())
        path = self.rng.choice([path for path in files if path.stat().st_size])
        content = bytearray(path.read_bytes())
        at = self.rng.randrange(len(content))
        content[at] ^= 1
        path.chmod(0o600)
        path.write_bytes(content)
        self.told.append(f"bit {at} of {path.name} flipped")
        self._end(fork(lambda: verify_current(self.house), self.house.data_dir).wait())
        found = current_generation(self.house)
        self._require(found != name, f"{path.name} of {name} was damaged and is still served")

    def _lost(self) -> None:
        """Everything under `warehouse` is a cache."""
        shutil.rmtree(self.house.warehouse_dir, ignore_errors=True)
        self._end(self._start("kill").wait())

    def _end(self, ended: Ended) -> None:
        self.told.append(f"ended with {ended.code}: {ended.told.strip().splitlines()[-1:]}")
        self._require(ended.code != BROKEN, f"an error nobody foresaw:\n{ended.told}")

    def _hold(self, before: str | None) -> None:
        """What must hold after every disturbance, whatever it was."""
        for entry in read_entries(self.house):
            if entry.status == "loaded":
                path = rows_path(self.house, entry)
                self._require(path.exists(), f"{path} is in the manifest, but not in the ledger")
        found = current_generation(self.house)
        if found is None:
            return
        problems = corrupted_files(generations_dir(self.house) / found)
        self._require(not problems, f"{found} is no whole generation: {problems}")
        run = self.house.inputs_dir / "run.json"
        gone_back = any(word in self.told[-1] for word in ("flipped", "overtaken", "refused_by"))
        if found != before and not gone_back and run.exists():
            self._require(not self._is_older(found), f"{found} is of other inputs than the run's")

    def _count(self, kind: str) -> None:
        self.done[kind] += 1
        self.told.append(kind)

    def _require(self, holds: bool, otherwise: str) -> None:
        if not holds:
            told = "\n  ".join(self.told[-40:])
            raise AssertionError(f"{self.name}: {otherwise}\nbefore it:\n  {told}")


if __name__ == "__main__":
    typer.run(main)
