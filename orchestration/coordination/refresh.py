"""The daily lists between nights: the ledger's newest messages over the last generation's members.

Takes seconds and opens no warehouse, so a nightly build neither waits for it nor keeps it waiting.
Swapped in whole, like a generation; when it runs does not belong here (`defs/coordination`).
"""

import contextlib
import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.coordination.access_log import record_exports
from orchestration.coordination.cards import Capacity, build_cards
from orchestration.coordination.discharges import build_discharges
from orchestration.coordination.encounters import build_encounters
from orchestration.coordination.lists import WrittenLists, read_summary, write_lists
from orchestration.coordination.matching import match_encounters
from orchestration.coordination.monthly import build_monthly, kept_dir, write_monthly
from orchestration.coordination.sources import (
    ChosenDelivery,
    of_selection,
    open_sources,
)
from orchestration.errors import CareWarehouseError
from orchestration.ingest import read_selection
from orchestration.programs import load_programs
from orchestration.settings import Settings
from orchestration.warehouse import engine

URGENT_FEEDS = ("adt_events", "care_log")
PURPOSE = "care coordination: daily lists"
MADE_OF = "made_of.json"
_BUILDING = ".building-"


@dataclass(frozen=True)
class Refreshed:
    """What a refresh did: the folder now current, and whether anything in it changed."""

    folder: Path
    as_of: date
    is_new: bool
    lists: WrittenLists


def worklists_dir(settings: Settings) -> Path:
    return settings.data_dir / "worklists"


def refresh_lists(settings: Settings, as_of: date | None = None) -> Refreshed:
    """Write today's lists from the ledger and the current generation, and swap them in.

    The day is the latest delivery's, never the clock's. Equal content is not written again, nor
    logged. Raises `CareWarehouseError` before the first publication.
    """
    tables = settings.published_dir / "current" / "restricted"
    if not tables.is_dir():
        raise CareWarehouseError(
            f"{tables}: nothing is published yet. Run `make nightly` once; the daily lists stand on"
            " its members."
        )
    selection = read_selection(settings, as_of)
    deliveries = of_selection(selection)
    root = worklists_dir(settings)
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _one_at_a_time(root):
        published = tables.resolve() / "worklists"
        if _made_of(published) == _inputs(deliveries, selection.as_of):
            # Nothing came since the generation: its own lists are today's, and are logged already.
            is_new = _point(root / "current", os.path.relpath(published, root))
            return Refreshed(published, selection.as_of, is_new, read_summary(published))
        for left_behind in root.glob(f"{_BUILDING}*"):
            shutil.rmtree(left_behind)
        building = root / f"{_BUILDING}{os.getpid()}"
        # The generation that was current at the start is read to the end, whatever is swapped in.
        written = build_lists(
            settings, tables.resolve(), deliveries, selection.as_of, building, is_of_night=False
        )
        digest = hashlib.sha256(
            "".join(f"{one.file} {one.sha256}\n" for one in written.exports).encode()
        ).hexdigest()
        target = root / f"{selection.as_of.isoformat()}-{digest[:16]}"
        is_new = not target.exists()
        if is_new:
            # First the log, then the lists: nobody can read what was not logged.
            record_exports(settings, PURPOSE, written.exports)
            building.rename(target)
        else:
            shutil.rmtree(building)
        _point(root / "current", target.name)
        _prune(root, settings.keep_generations, target)
    return Refreshed(target, selection.as_of, is_new, written)


def build_lists(
    settings: Settings,
    tables: Path,
    deliveries: Iterable[ChosenDelivery],
    as_of: date,
    folder: Path,
    is_of_night: bool = True,
) -> WrittenLists:
    """Build and write every list into `folder`, from a generation's identified tables."""
    programs = load_programs(settings)
    chosen = tuple(deliveries)
    permitted = {
        program.program_id: program.facts.coordinators.permitted_sensitive for program in programs
    }
    capacities = {
        program.program_id: Capacity(
            program.facts.coordinators.members_per_coordinator,
            program.facts.coordinators.daily_contacts,
            program.facts.coordinators.snooze_days,
        )
        for program in programs
    }
    with engine(settings) as connection:
        open_sources(connection, settings, tables, chosen)
        build_encounters(connection, as_of)
        match_encounters(connection)
        build_discharges(connection, as_of)
        build_cards(connection, as_of, permitted, capacities)
        build_monthly(connection, kept_dir(settings), as_of)
        written = write_lists(connection, folder, as_of, programs, capacities, is_of_night)
        write_monthly(connection, folder)
    made_of = folder / MADE_OF
    made_of.write_text(json.dumps(_inputs(chosen, as_of), indent=1), encoding="utf-8")
    made_of.chmod(0o600)
    return written


def _inputs(deliveries: Iterable[ChosenDelivery], as_of: date) -> dict[str, object]:
    """What lists are made of beside the generation's own tables."""
    ids = sorted(f"{one.delivery_id} {one.delivered_on}" for one in deliveries)
    return {"as_of": as_of.isoformat(), "deliveries": ids}


def _made_of(folder: Path) -> object:
    try:
        return json.loads((folder / MADE_OF).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None


@contextmanager
def _one_at_a_time(root: Path) -> Iterator[None]:
    with os.fdopen(os.open(root / ".lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _point(link: Path, target: str) -> bool:
    """Make `link` a symbolic link to `target` in one step; False where it is one already."""
    if link.is_symlink() and str(link.readlink()) == target:
        return False
    unfinished = link.with_name(f".{link.name}.unfinished")
    with contextlib.suppress(FileNotFoundError):
        unfinished.unlink()
    unfinished.symlink_to(target)
    unfinished.replace(link)
    return True


def _prune(root: Path, keep: int, current: Path) -> None:
    kept = sorted(
        (path for path in root.glob("????-??-??-*") if path.is_dir() and path != current),
        key=lambda path: (path.stat().st_mtime_ns, path.name),
    )
    for path in kept[: max(len(kept) - keep + 1, 0)]:
        shutil.rmtree(path)
