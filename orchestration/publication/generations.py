"""Generations on disk: the fenced folder, the one swap, checksums, falling back and pruning.

What a generation holds does not belong here (`publish.py`). At every instant `current` names a
complete generation or nothing; a reader never meets a mix of two.
"""

import contextlib
import fcntl
import json
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestration.errors import PipelineBusy
from orchestration.fence import fence_lock
from orchestration.ingest.ledger import write_whole
from orchestration.publication.digests import file_sha256
from orchestration.settings import Settings

MARTS_FILE = "marts.duckdb"
MANIFEST_FILE = "manifest.json"
CHECKSUMS_FILE = "checksums.sha256"
RESTRICTED_DIR = "restricted"
STATEMENTS_DIR = "statements"
PRIVATE_DIRS = (RESTRICTED_DIR, STATEMENTS_DIR)
"""Statements tell adds and drops of fewer than eleven people to the parties who settle on them."""
_BUILDING = ".building-"
_CORRUPT = ".corrupt-"
_ID = re.compile(r"\d{4}-\d{2}-\d{2}-[0-9a-f]{16}")


@dataclass(frozen=True)
class Generation:
    """One published generation: its id says as-of day and content, so equal content, equal id."""

    id: str
    path: Path
    is_new: bool
    """False where the same content was current already and nothing was done."""
    table_rows: tuple[tuple[str, int], ...] = ()
    cells_hidden: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class Verification:
    """What `verify_current` found and did."""

    current: str | None
    """The generation now served; None where no intact one was left."""
    corrupted: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()


def generations_dir(settings: Settings) -> Path:
    return settings.published_dir / "generations"


def current_generation(settings: Settings) -> str | None:
    """Id of the generation that `current` names, or None before the first publication."""
    try:
        return (settings.published_dir / "current").readlink().name
    except FileNotFoundError:
        return None


@contextmanager
def publication_lock(settings: Settings) -> Iterator[None]:
    """Fence publication; raise `PipelineBusy` saying who publishes since when.

    An operating-system lock, freed when its holder dies, so a killed publication needs no help.
    """
    settings.published_dir.mkdir(parents=True, exist_ok=True)
    path = settings.published_dir / ".publication.lock"
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PipelineBusy(
                f"{path}: {file.read().strip() or 'another process'} is publishing. Wait for it "
                "to end, or end that process; nothing needs to be cleaned up afterwards."
            ) from None
        file.truncate(0)
        since = datetime.now(UTC).isoformat(" ", "seconds")
        file.write(f"process {os.getpid()}, since {since}")
        file.flush()
        yield


def new_building_dir(settings: Settings) -> Path:
    """A fresh private folder to build in; what killed publications left behind is removed.

    The caller holds the lock. Private (0700) until it is swapped in, as identified tables pass
    through it.
    """
    folder = generations_dir(settings)
    folder.mkdir(parents=True, exist_ok=True)
    for left_behind in folder.glob(f"{_BUILDING}*"):
        shutil.rmtree(left_behind)
    building = folder / f"{_BUILDING}{os.getpid()}"
    building.mkdir(mode=0o700)
    return building


def seal(building: Path) -> None:
    """Write checksums of every file, set modes, and force all of it to disk."""
    files = sorted(path for path in building.rglob("*") if path.is_file())
    lines = [f"{file_sha256(path)}  {path.relative_to(building)}\n" for path in files]
    checksums = building / CHECKSUMS_FILE
    checksums.write_text("".join(lines), encoding="utf-8")
    for path in (*files, checksums):
        is_private = path.relative_to(building).parts[0] in PRIVATE_DIRS
        path.chmod(0o600 if is_private else 0o444)
        _sync(path)
    for folder in sorted(path for path in building.rglob("*") if path.is_dir()):
        is_private = folder.relative_to(building).parts[0] in PRIVATE_DIRS
        folder.chmod(0o700 if is_private else 0o755)
        _sync(folder)
    building.chmod(0o755)
    _sync(building)


def adopt(settings: Settings, building: Path, generation_id: str) -> bool:
    """Give the sealed folder its name and swap `current` to it; False if it was current already.

    A generation of equal content that is kept from earlier, and is intact, is used as it is.
    """
    target = generations_dir(settings) / generation_id
    if target.exists() and corrupted_files(target):
        _set_aside(target)
    if target.exists():
        shutil.rmtree(building)
    else:
        building.rename(target)
        _sync(target.parent)
    was_current = current_generation(settings) == generation_id
    if not was_current:
        _point(settings.published_dir / "current", f"generations/{generation_id}")
    _point(settings.published_dir / MARTS_FILE, f"current/{MARTS_FILE}")
    if not was_current or generation_id not in history(settings):
        _write_history(settings, [*history(settings), generation_id])
    return not was_current


def note_publication(settings: Settings) -> None:
    """Remember that a publication succeeded now, also one that found nothing new."""
    write_whole(_last_file(settings), b"")


def last_publication(settings: Settings) -> tuple[datetime | None, bool]:
    """When the last publication succeeded and True; before any, when the first run began and False.

    None where no run has begun yet.
    """
    for path, is_success in ((_last_file(settings), True), (fence_lock(settings), False)):
        if path.exists():
            return datetime.fromtimestamp(path.stat().st_mtime, UTC), is_success
    return None, False


def history(settings: Settings) -> list[str]:
    """Kept generations in the order they became current, the present one last."""
    folder = generations_dir(settings)
    kept = {path.name for path in folder.glob("*") if _ID.fullmatch(path.name)}
    try:
        recorded = json.loads(_history_file(settings).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        recorded = sorted(kept, key=lambda name: ((folder / name).stat().st_mtime_ns, name))
    order = [str(name) for name in recorded]
    current = current_generation(settings)
    if current is not None:
        order.append(current)
    newest_first = list(dict.fromkeys(name for name in reversed(order) if name in kept))
    return newest_first[::-1]


def corrupted_files(generation: Path) -> list[str]:
    """Problems of a generation's files against its checksums: missing, changed, or no list."""
    checksums = generation / CHECKSUMS_FILE
    try:
        lines = checksums.read_text(encoding="utf-8").splitlines()
    except (FileNotFoundError, UnicodeDecodeError):
        return [f"{CHECKSUMS_FILE}: missing or unreadable"]
    problems: list[str] = []
    listed: set[str] = set()
    for line in lines:
        expected, _, name = line.partition("  ")
        listed.add(name)
        path = generation / name
        if not path.is_file():
            problems.append(f"{name}: missing")
        elif file_sha256(path) != expected:
            problems.append(f"{name}: its content has changed since it was published")
    problems.extend(
        f"{name}: not in {CHECKSUMS_FILE}"
        for name in (MANIFEST_FILE, MARTS_FILE)
        if name not in listed
    )
    return problems


def verify_current(settings: Settings) -> Verification | None:
    """Checksum the current generation; go back to the newest good one if it is corrupted.

    Returns None before the first publication. A corrupted generation is set aside, not deleted.
    Where no intact one is left, `current` is withdrawn, because no answer is better than a wrong
    one; the next publication builds anew from what the ledger holds. Raises `PipelineBusy` while
    a publication runs.
    """
    with publication_lock(settings):
        name = current_generation(settings)
        if name is None:
            return None
        folder = generations_dir(settings)
        corrupted: list[str] = []
        problems: list[str] = []
        candidates = [name, *(other for other in reversed(history(settings)) if other != name)]
        for candidate in candidates:
            found = corrupted_files(folder / candidate)
            if not found:
                if candidate != name:
                    _point(settings.published_dir / "current", f"generations/{candidate}")
                for bad in corrupted:
                    _set_aside(folder / bad)
                if corrupted:
                    _write_history(settings, history(settings))
                return Verification(candidate, tuple(corrupted), tuple(problems))
            corrupted.append(candidate)
            problems.extend(f"{candidate}/{problem}" for problem in found)
        (settings.published_dir / "current").unlink()
        for bad in corrupted:
            _set_aside(folder / bad)
        return Verification(None, tuple(corrupted), tuple(problems))


def prune(settings: Settings) -> list[str]:
    """Remove generations beyond `keep_generations`, never the current one nor one in use.

    Also removes corrupted ones set aside, except the newest. Returns the ids removed.
    """
    folder = generations_dir(settings)
    order = history(settings)
    current = current_generation(settings)
    surplus = [name for name in order[: -settings.keep_generations] if name != current]
    # Named but never swapped in: its publication was killed at the last step.
    named = sorted(path.name for path in folder.glob("*") if _ID.fullmatch(path.name))
    surplus.extend(name for name in named if name not in order)
    aside = sorted(folder.glob(f"{_CORRUPT}*"), key=lambda path: path.stat().st_mtime_ns)[:-1]
    in_use = _open_paths()
    removed: list[str] = []
    for path in (*(folder / name for name in surplus), *aside):
        if any(str(other).startswith(f"{path.resolve()}{os.sep}") for other in in_use):
            continue
        # Renamed first, so that a killed removal leaves nothing that looks like a generation.
        going = folder / f"{_BUILDING}removed-{path.name.lstrip('.')}"
        path.rename(going)
        shutil.rmtree(going)
        removed.append(path.name)
    if removed:
        _write_history(settings, history(settings))
    return removed


def _open_paths() -> set[str]:
    """Files that some process has open, as far as this user may see (Linux)."""
    paths: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    paths.add(str(descriptor.readlink()))
    return paths


def _set_aside(generation: Path) -> None:
    if not generation.exists():
        return
    aside = generation.with_name(f"{_CORRUPT}{generation.name}")
    if aside.exists():
        shutil.rmtree(aside)
    generation.rename(aside)


def _last_file(settings: Settings) -> Path:
    return settings.published_dir / ".last_success"


def _history_file(settings: Settings) -> Path:
    return settings.published_dir / ".history.json"


def _write_history(settings: Settings, names: list[str]) -> None:
    path = _history_file(settings)
    unfinished = path.with_name(f"{path.name}.unfinished")
    newest_first = list(dict.fromkeys(reversed(names)))
    unfinished.write_text(json.dumps(newest_first[::-1]), encoding="utf-8")
    _sync(unfinished)
    unfinished.replace(path)


def _point(link: Path, target: str) -> None:
    """Make `link` a symbolic link to `target` in one step: readers see the old or the new."""
    if link.is_symlink() and link.readlink() == Path(target):
        return
    unfinished = link.with_name(f".{link.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    unfinished.symlink_to(target)
    unfinished.replace(link)
    _sync(link.parent)


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
