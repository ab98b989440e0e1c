"""Who was shown which identified list, when and why: an append-only log, chained by hashes (K.1).

Each line holds the sha256 of the line before it, so a changed, removed or inserted line breaks the
chain; `head.json` beside it says how long the chain was, so that a cut-off end is seen too. Writing
lists does not belong here.
"""

import fcntl
import getpass
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestration.settings import Settings

FIRST = "0" * 64
LOG_FILE = "access.jsonl"
HEAD_FILE = "head.json"


@dataclass(frozen=True)
class Export:
    """One file with identified members, as it was written."""

    file: str
    sha256: str
    program_id: str
    coordinator_id: str
    persons: tuple[str, ...]
    """`payer/person_id` of everybody in it."""


@dataclass(frozen=True)
class ChainVerdict:
    """What verification found; `problem` is empty where the chain holds."""

    entries: int
    problem: str = ""


def access_log_dir(settings: Settings) -> Path:
    return settings.data_dir / "access_log"


def record_exports(settings: Settings, purpose: str, exports: Sequence[Export]) -> int:
    """Append one line per export and force them to disk; return the length of the chain.

    Raises `ValueError` where the log's last line cannot be read: nothing is put on a broken chain.
    """
    folder = access_log_dir(settings)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    at = datetime.now(UTC).isoformat("T", "seconds")
    with _locked(folder):
        log = folder / LOG_FILE
        length, previous = _end(log)
        lines = []
        for export in exports:
            length += 1
            content = {
                "sequence": length,
                "at": at,
                "user": getpass.getuser(),
                "purpose": purpose,
                "program_id": export.program_id,
                "coordinator_id": export.coordinator_id,
                "file": export.file,
                "sha256": export.sha256,
                "persons": list(export.persons),
                "previous": previous,
            }
            text = _text(content)
            previous = hashlib.sha256(text.encode()).hexdigest()
            lines.append(text + "\n")
        with os.fdopen(
            os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "a", encoding="utf-8"
        ) as file:
            file.writelines(lines)
            file.flush()
            os.fsync(file.fileno())
        head = folder / HEAD_FILE
        unfinished = folder / f".{HEAD_FILE}.unfinished"
        unfinished.write_text(_text({"entries": length, "last": previous}), encoding="utf-8")
        unfinished.chmod(0o600)
        unfinished.replace(head)
    return length


def verify_access_log(settings: Settings) -> ChainVerdict:
    """Recompute the chain from its first line; name the first place where it does not hold."""
    folder = access_log_dir(settings)
    log = folder / LOG_FILE
    head = _head(folder)
    if not log.exists():
        return ChainVerdict(0, "the log is missing" if head else "")
    previous, length = FIRST, 0
    hashes = [FIRST]
    for number, line in enumerate(log.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            content = json.loads(line)
        except json.JSONDecodeError:
            return ChainVerdict(length, f"line {number} is not readable")
        if content.get("sequence") != number or content.get("previous") != previous:
            return ChainVerdict(length, f"line {number} does not follow the line before it")
        previous = hashlib.sha256(line.encode()).hexdigest()
        hashes.append(previous)
        length = number
    if head is None:
        return ChainVerdict(length, f"{HEAD_FILE} is missing" if length else "")
    entries, last = head
    # A run that was killed between line and head leaves the head behind: the chain still holds it.
    if entries > length:
        return ChainVerdict(length, f"{entries - length} lines are missing at the end")
    if hashes[entries] != last:
        return ChainVerdict(length, f"line {entries} is not the line that was written")
    return ChainVerdict(length)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with os.fdopen(os.open(folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600), "r+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _end(log: Path) -> tuple[int, str]:
    """Number and hash of the last line."""
    try:
        with log.open("rb") as file:
            file.seek(0, os.SEEK_END)
            size = file.tell()
            if size == 0:
                return 0, FIRST
            block = 65_536
            while True:
                file.seek(max(0, size - block))
                lines = file.read().rstrip(b"\n").split(b"\n")
                if len(lines) > 1 or block >= size:
                    break
                block *= 4
    except FileNotFoundError:
        return 0, FIRST
    last = lines[-1]
    return int(json.loads(last)["sequence"]), hashlib.sha256(last).hexdigest()


def _head(folder: Path) -> tuple[int, str] | None:
    try:
        content = json.loads((folder / HEAD_FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    return int(content["entries"]), str(content["last"])


def _text(content: dict[str, object]) -> str:
    return json.dumps(content, sort_keys=True, ensure_ascii=True, separators=(",", ":"))
