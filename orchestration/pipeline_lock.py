"""One run at a time: an operating-system lock on the warehouse, freed when its holder dies.

What a run does while it holds the lock does not belong here.
"""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TextIO

from orchestration.errors import PipelineBusy
from orchestration.fence import take_token
from orchestration.settings import Settings

POLL_SECONDS = 0.5


@dataclass(frozen=True)
class Holder:
    """Who holds the lock, or held it when its process died."""

    run_id: str
    process_id: int
    since: str

    def __str__(self) -> str:
        return f"run {self.run_id} (process {self.process_id}, since {self.since})"


@contextmanager
def pipeline_lock(
    settings: Settings,
    run_id: str,
    on_wait: Callable[[Holder | None], None],
    on_abandoned: Callable[[Holder], None],
) -> Iterator[int]:
    """Hold the pipeline for `run_id`, waiting at most `settings.lock_wait_seconds` for another.

    Yields the run's token, which publication asks for (`fence.py`).
    `on_wait` is told once who is waited for. `on_abandoned` is told of a holder that died without
    letting go, before the caller's work begins. Raises `PipelineBusy` when the wait is over.
    """
    settings.lock_file.parent.mkdir(parents=True, exist_ok=True)
    with os.fdopen(os.open(settings.lock_file, os.O_RDWR | os.O_CREAT, 0o644), "r+") as file:
        _acquire(file, settings.lock_wait_seconds, on_wait)
        abandoned = _read_holder(file)
        if abandoned is not None:
            on_abandoned(abandoned)
        holder = Holder(run_id, os.getpid(), datetime.now(UTC).isoformat("T", "seconds"))
        _write_holder(file, holder)
        try:
            yield take_token(settings, f"run {run_id} (process {holder.process_id})")
        finally:
            _write_holder(file, None)


def _acquire(file: TextIO, wait_seconds: int, on_wait: Callable[[Holder | None], None]) -> None:
    deadline = time.monotonic() + wait_seconds
    told = False
    while True:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            holder = _read_holder(file)
        if time.monotonic() >= deadline:
            raise PipelineBusy(
                f"The warehouse is in use by {holder or 'another process'}. Wait for it to end, or"
                " end that process; nothing needs to be cleaned up afterwards."
            )
        if not told:
            on_wait(holder)
            told = True
        time.sleep(POLL_SECONDS)


def _read_holder(file: TextIO) -> Holder | None:
    file.seek(0)
    text = file.read()
    if not text.strip():
        return None
    try:
        return Holder(**json.loads(text))
    except (json.JSONDecodeError, TypeError):
        return Holder("unknown", 0, "unknown")


def _write_holder(file: TextIO, holder: Holder | None) -> None:
    file.seek(0)
    file.truncate()
    if holder is not None:
        json.dump(asdict(holder), file)
    file.flush()
