"""Disturbs a night from outside: killed, stopped, or out of disk space, at its N-th durable step.

No product code knows of this. Python tells an audit hook of every file opened for writing, renamed,
removed or linked before it happens; the hook counts those below the data folder. What Arrow and the
engine write themselves it does not see: kills by the clock and a small file system reach that
(`thousand_faults.py`, `test_by_force.py`). A hook stays for the life of its process, so every
disturbed night has a forked process of its own.
"""

import errno
import os
import signal
import sys
import tempfile
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from orchestration.errors import CareWarehouseError

Fault = Literal["kill", "stop", "disk_full", "disk_full_for_good"]
KILLED, REFUSED, FULL, BROKEN = -signal.SIGKILL, 3, 4, 5
"""How a night ends that was killed, refused, met a full disk, or an error that nobody foresaw."""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_NEED_SPACE = {"open", "os.mkdir", "os.symlink", "os.rename", "os.link"}
_CHANGES = _NEED_SPACE | {"os.remove", "os.rmdir", "os.chmod", "os.truncate"}


@dataclass(frozen=True)
class Ended:
    """How a forked night ended: exit code, or minus the signal; durable steps begun; its words."""

    code: int
    steps: int
    told: str


@dataclass(frozen=True)
class Forked:
    """A process at work, whose words and steps go to two files."""

    process: int
    words: IO[str]
    steps: IO[bytes]

    def wait_until_stopped(self) -> bool:
        """Whether it stopped; False where it ended instead."""
        found = os.waitid(os.P_PID, self.process, os.WSTOPPED | os.WEXITED | os.WNOWAIT)
        return found is not None and found.si_code == os.CLD_STOPPED

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.process, number)

    def wait(self, seconds: float | None = None) -> Ended:
        """Wait for its end; after `seconds` it is killed, wherever it is."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            ended, status = os.waitpid(self.process, 0 if deadline is None else os.WNOHANG)
            if ended:
                break
            if deadline is not None and time.monotonic() >= deadline:
                self.signal(signal.SIGKILL)
                deadline = None
            time.sleep(0.002)
        with self.words, self.steps:
            self.words.seek(0)
            count = os.fstat(self.steps.fileno()).st_size
            return Ended(os.waitstatus_to_exitcode(status), count, self.words.read())


def fork(
    work: Callable[[], object], below: Path, at: int | None = None, fault: Fault = "kill"
) -> Forked:
    """Run `work` in a forked process; let `fault` happen at durable step `at`, counted from 1.

    The caller should have no other thread and no engine open.
    """
    words, steps = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile()  # noqa: SIM115
    process = os.fork()
    if process:
        return Forked(process, words, steps)
    code = BROKEN
    try:
        os.dup2(words.fileno(), 1)
        os.dup2(words.fileno(), 2)
        _count_steps(below, at, fault, steps.fileno())
        code = _run(work)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _run(work: Callable[[], object]) -> int:
    try:
        work()
    except CareWarehouseError as error:
        print(f"refused: {error}")
        return REFUSED
    except Exception as error:  # noqa: BLE001  the exit code tells the parent which it was
        traceback.print_exc()
        return FULL if "No space left on device" in str(error) else BROKEN
    return 0


def _count_steps(below: Path, at: int | None, fault: Fault, counter: int) -> None:
    """Install the hook; a byte is written to `counter` for every step begun."""
    root = f"{below}{os.sep}"
    lock = threading.Lock()
    begun = 0

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal begun
        if event not in _CHANGES:
            return
        if event == "open" and not int(str(arguments[2] or 0)) & _WRITES:
            return
        if not any(str(path).startswith(root) for path in arguments[:2]):
            return
        with lock:
            begun += 1
            number = begun
        os.write(counter, b".")
        if at is None or number < at:
            return
        if fault in ("kill", "stop"):
            if number == at:
                os.kill(os.getpid(), signal.SIGKILL if fault == "kill" else signal.SIGSTOP)
        elif event in _NEED_SPACE and (number == at or fault == "disk_full_for_good"):
            raise OSError(errno.ENOSPC, "No space left on device", str(arguments[0]))

    sys.addaudithook(hook)
