"""The fence: a number that grows with every run, so that a run which was overtaken cannot publish.

The lock of `pipeline_lock.py` keeps runs apart while its file is there; where that file was
deleted, or a network file system forgot the lock, two runs believe to hold it. Only the newest may
swap a generation in or issue a statement (docs/adr/0012). What is published does not belong here.
"""

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from orchestration.errors import CareWarehouseError, PipelineBusy, RunOvertaken
from orchestration.ingest.ledger import write_whole
from orchestration.settings import Settings

POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Fence:
    """The newest token given out: to whom and since when."""

    token: int
    holder: str
    since: str


def take_token(settings: Settings, holder: str) -> int:
    """Give `holder` a token greater than every one before; older ones are void from now on.

    Waits for a swap that is going on, which takes milliseconds; raises `PipelineBusy` where that
    takes longer than `settings.lock_wait_seconds`.
    """
    with _alone(settings):
        newest = _read(settings)
        token = newest.token + 1 if newest else 1
        since = datetime.now(UTC).isoformat("T", "seconds")
        content = json.dumps(asdict(Fence(token, holder, since)), indent=1)
        write_whole(_fence_file(settings), content.encode())
    return token


@contextmanager
def fenced(settings: Settings) -> Iterator[None]:
    """Do what only the newest run may (`settings.token`); no other takes a token meanwhile.

    Raises `RunOvertaken` for an older token, or none, naming the newest holder.
    """
    with _alone(settings):
        newest = _read(settings)
        if newest is None or newest.token != settings.token:
            taken = f"{newest.holder} since {newest.since}" if newest else "nobody"
            raise RunOvertaken(
                f"This run (token {settings.token}) was overtaken: the pipeline belongs to {taken}"
                f" (token {newest.token if newest else 'none'}). It publishes nothing, the last"
                " generation stays. Start it again if its deliveries are not published yet."
            )
        yield


@contextmanager
def _alone(settings: Settings) -> Iterator[None]:
    settings.published_dir.mkdir(parents=True, exist_ok=True)
    path = fence_lock(settings)
    deadline = time.monotonic() + settings.lock_wait_seconds
    with os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o644), "r+") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise PipelineBusy(
                        f"{path}: a publication stands still in the middle of its swap. End its"
                        " process; nothing needs to be cleaned up afterwards."
                    ) from None
                time.sleep(POLL_SECONDS)
        yield


def _read(settings: Settings) -> Fence | None:
    path = _fence_file(settings)
    try:
        return Fence(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        return None
    except (TypeError, ValueError) as error:
        raise CareWarehouseError(
            f"{path}: {error}. The file was damaged. See that no run is at work, remove it, and"
            " start the night again."
        ) from error


def fence_lock(settings: Settings) -> Path:
    """The file whose lock guards tokens; it is as old as the installation's first run."""
    return settings.published_dir / ".fence.lock"


def _fence_file(settings: Settings) -> Path:
    return settings.published_dir / ".fence.json"
