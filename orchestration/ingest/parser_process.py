"""Parses deliveries in child processes that may use so much and no more (docs/adr/0019).

Whatever a file does to the process that reads it (memory, time, a crash of a library), it is one
delivery that is set aside, and the run goes on. What parsing is does not belong here
(`parsing.py`).
"""

import atexit
import errno
import fcntl
import logging
import os
import resource
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path

import duckdb

from orchestration.errors import DeliveryError
from orchestration.ingest.parsing import EngineConfig, Parsed, ParseJob, open_engine, parse
from orchestration.ingest.verification import greatest_unpacked
from orchestration.settings import Settings
from orchestration.warehouse import limits, mebibytes

# Python, the libraries and the blocks in work, beside what the engine may use.
_BESIDE_THE_ENGINE = 1 << 30
# Ten times what a slow machine takes: an end for what has none, not a measure of speed.
_SECONDS_AT_LEAST = 120
_SECONDS_TO_START = 300
_BYTES_A_SECOND = 20_000
# A busy machine may give a process a third of the time.
_WALL_FOR_CPU = 3
# So many blocks of one delivery are in work at once.
_WORKERS = 3
# Text in UTF-8 with the fields of its claims is some times longer than it came.
_WRITTEN_FOR_UNPACKED = 4

# Arrow's allocator would take a gigabyte at once and touch little of it; all of it would count.
_SPARING = {"MIMALLOC_ARENA_EAGER_COMMIT": "0"}
_TOO_LARGE = os.strerror(errno.EFBIG)

_SERVE = "from orchestration.ingest.parser_process import serve; serve()"


@dataclass(frozen=True)
class Caps:
    """What a child may use for one delivery."""

    engine: EngineConfig
    data_bytes: int
    cpu_seconds: int
    file_bytes: int

    @property
    def wall_seconds(self) -> int:
        return _WALL_FOR_CPU * self.cpu_seconds


@dataclass(frozen=True)
class _Refused:
    """Why a delivery is set aside; what a process that is spent still holds is not known."""

    reason: str
    message: str
    is_spent: bool = False


_Answer = Parsed | _Refused | OSError


def caps_of(settings: Settings, job: ParseJob) -> Caps:
    """What a delivery may use: memory as set, time and space by the size of its files."""
    engine_mebibytes = max(128, mebibytes(settings.memory_limit) // settings.threads)
    files = [job.file, *([job.file.companion] if job.file.companion else [])]
    return Caps(
        engine={**limits(settings), "memory_limit": f"{engine_mebibytes}MiB"},
        data_bytes=(engine_mebibytes << 20) + _BESIDE_THE_ENGINE,
        cpu_seconds=_SECONDS_AT_LEAST + sum(one.size_bytes for one in files) // _BYTES_A_SECOND,
        file_bytes=_WRITTEN_FOR_UNPACKED * sum(greatest_unpacked(one) for one in files),
    )


def parse_apart(settings: Settings, job: ParseJob) -> Parsed:
    """Parse a delivery in a child; safe to call from several threads.

    Raises `DeliveryError` where the delivery cannot be trusted, or not be parsed within its caps;
    `OSError` where the machine failed it, such as a full disk.
    """
    answer = _CHILDREN.ask(job, caps_of(settings, job))
    if isinstance(answer, _Refused):
        raise DeliveryError(answer.reason, answer.message)
    if isinstance(answer, OSError):
        raise answer
    return answer


def start_early() -> None:
    """Let a child load its libraries while this process loads others."""
    _CHILDREN.start_one()


def end_all() -> None:
    """End the children and free their memory; the next delivery starts another."""
    _CHILDREN.end()


class _Child:
    """One child process; it does one job after the other until it dies or nobody holds it."""

    def __init__(self) -> None:
        self.is_late = False
        self.is_ready = False
        self._pipe, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-c", _SERVE, str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={**os.environ, **_SPARING},
            )

    @property
    def process_id(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def ask(self, job: ParseJob, caps: Caps) -> _Answer | None:
        """The answer; None where the process died, or was ended for the time it took.

        Raises `RuntimeError` where it could not even start: no delivery is to blame for that.
        """
        if not self.is_ready:
            if not self._pipe.poll(_SECONDS_TO_START):
                self._process.kill()
            try:
                self.is_ready = self._pipe.recv()
            except (EOFError, OSError) as error:
                raise RuntimeError(
                    f"The process that parses deliveries ended with {self._process.wait()} before "
                    "it had any. Its own words stand in the run's output."
                ) from error
        with suppress(EOFError, OSError):
            self._pipe.send((job, caps))
            if self._pipe.poll(caps.wall_seconds):
                answer: _Answer = self._pipe.recv()
                return answer
            self.is_late = True
            self._process.kill()
        return None

    def end(self) -> int:
        """End it and return how it ended: its exit code, or minus the signal."""
        self._pipe.close()
        try:
            return self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class _Children:
    """The children of this process that are not at work, and those to come."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._idle: list[_Child] = []
        self.at_work: list[_Child] = []

    def start_one(self) -> None:
        child = _Child()
        with self._lock:
            self._idle.append(child)

    def ask(self, job: ParseJob, caps: Caps) -> _Answer:
        """The answer to a job. Where a child dies over it, another proves that it was the job."""
        for _ in range(2):
            child = self._taken()
            answer: _Answer | None = None
            try:
                answer = child.ask(job, caps)
            finally:
                with self._lock:
                    self.at_work.remove(child)
                    if answer is not None and not _is_spent(answer):
                        self._idle.append(child)
            if answer is not None:
                if _is_spent(answer):
                    child.end()
                return answer
            ended = child.end()
            if child.is_late or ended == -signal.SIGXCPU:
                return _too_long(job, caps)
            for leftover in job.folder.iterdir():
                leftover.unlink()
        return _crashed(job, caps, ended)

    def end(self) -> None:
        with self._lock:
            children = [*self._idle, *self.at_work]
            self._idle, self.at_work = [], []
        for child in children:
            child.end()

    def _taken(self) -> _Child:
        with self._lock:
            self._idle = [child for child in self._idle if child.is_alive()]
            child = self._idle.pop() if self._idle else _Child()
            self.at_work.append(child)
            return child


def _is_spent(answer: _Answer) -> bool:
    return isinstance(answer, _Refused) and answer.is_spent


def _too_long(job: ParseJob, caps: Caps) -> _Refused:
    return _Refused(
        "parsing_too_long",
        f"{job.file.path.name!r} was not parsed within {caps.cpu_seconds} s, many times what a "
        "file of its size takes. Look for a pattern in the sender's layout that does not end, or "
        "ask for the file in parts.",
    )


def _crashed(job: ParseJob, caps: Caps, ended: int) -> _Refused:
    """Why a delivery is set aside over which two processes ended."""
    if ended == -signal.SIGKILL:  # by the system, as a rule, where memory ran out
        return _out_of_memory(job, caps)
    how = signal.Signals(-ended).name if ended < 0 else f"code {ended}"
    return _Refused(
        "parsing_crashed",
        f"The process that parsed {job.file.path.name!r} ended twice with {how}. Keep the file for "
        "those who maintain this program, and ask the sender for it in another form.",
    )


def _out_of_memory(job: ParseJob, caps: Caps) -> _Refused:
    return _Refused(
        "parsing_out_of_memory",
        f"{job.file.path.name!r} takes more than {caps.data_bytes >> 20} MiB of memory to parse. "
        "Ask for it in parts, or raise CARE_MEMORY_LIMIT if it is genuine.",
        is_spent=True,
    )


# --- the child -----------------------------------------------------------------------------------


def serve() -> None:
    """Parse what comes through the pipe whose number is the only argument, until it is closed."""
    pipe = Connection(int(sys.argv[1]))
    # Who stops the run at its terminal stops its parent, and this process ends with that one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    # A library logs the values it stumbles over.
    logging.disable(logging.CRITICAL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError):
        # Where the machine itself runs out of memory, this process goes first.
        Path("/proc/self/oom_score_adj").write_text("1000")
    parser = _Parser()
    pipe.send(True)
    with suppress(EOFError, OSError):
        while True:
            job, caps = pipe.recv()
            with _ended_with_its_parent(pipe):
                answer = parser.answer(job, caps)
            pipe.send(answer)


@contextmanager
def _ended_with_its_parent(pipe: Connection) -> Iterator[None]:
    """Let the kernel end this process when the pipe is closed, whatever keeps it busy.

    A thread that waits for it would never come to its turn beside a pattern that does not end.
    """
    fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
    flags = fcntl.fcntl(pipe, fcntl.F_GETFL)
    fcntl.fcntl(pipe, fcntl.F_SETFL, flags | os.O_ASYNC)
    if pipe.poll():
        os._exit(0)
    try:
        yield
    finally:
        fcntl.fcntl(pipe, fcntl.F_SETFL, flags)


class _Parser:
    """What a child keeps between jobs: threads, and an engine of the newest configuration."""

    def __init__(self) -> None:
        self._workers = ThreadPoolExecutor(_WORKERS)
        self._config: EngineConfig = {}
        self._engine: duckdb.DuckDBPyConnection | None = None

    def answer(self, job: ParseJob, caps: Caps) -> _Answer:
        """Never raises: what nobody foresaw is told by its kind and place, without a value."""
        _set_caps(caps)
        try:
            return parse(job, self._engine_for(caps), self._workers)
        except DeliveryError as error:
            return _Refused(error.reason, str(error))
        except (MemoryError, duckdb.OutOfMemoryException):
            return _out_of_memory(job, caps)
        except (OSError, duckdb.IOException) as error:
            if _TOO_LARGE in str(error):
                return _Refused(
                    "expands_too_much",
                    f"{job.file.path.name!r} becomes more than {caps.file_bytes >> 20} MiB of "
                    "records. If it is genuine, ask for it in parts.",
                )
            return error if isinstance(error, OSError) else OSError(errno.EIO, str(error))
        except Exception as error:  # noqa: BLE001  the one place where no error may pass
            place = traceback.extract_tb(error.__traceback__)[-1]
            return _Refused(
                "parsing_crashed",
                f"{type(error).__name__} in {Path(place.filename).name}, line {place.lineno}, "
                f"while {job.file.path.name!r} was parsed. This is a fault of the program, not of "
                "the sender: keep the file for those who maintain it.",
                is_spent=True,
            )
        finally:
            _set_caps(_NO_CAPS)

    def _engine_for(self, caps: Caps) -> duckdb.DuckDBPyConnection:
        if self._engine is None or self._config != caps.engine:
            if self._engine is not None:
                self._engine.close()
            self._config = caps.engine
            # Engines of different processes must not share their files.
            spill = f"{caps.engine['temp_directory']}/parser-{os.getpid()}"
            self._engine = open_engine({**caps.engine, "temp_directory": spill})
        return self._engine


_NO_CAPS = Caps({}, resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY)


def _set_caps(caps: Caps) -> None:
    """Cap what this process may use from now on; the kernel counts its time from its start."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    seconds = caps.cpu_seconds
    if seconds != resource.RLIM_INFINITY:
        seconds += int(used.ru_utime + used.ru_stime) + 1
    for what, wanted in (
        (resource.RLIMIT_DATA, caps.data_bytes),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, caps.file_bytes),
    ):
        _, hard = resource.getrlimit(what)
        is_within = hard == resource.RLIM_INFINITY or 0 <= wanted <= hard
        resource.setrlimit(what, (wanted if is_within else hard, hard))


_CHILDREN = _Children()
atexit.register(_CHILDREN.end)
# A forked process has none of them: their pipes belong to its parent.
os.register_at_fork(after_in_child=_CHILDREN.__init__)  # type: ignore[misc]
