"""Independent jobs side by side in forked processes, which see what was drawn without a copy.

Threads would share one interpreter, and many short array operations wait for it in turn.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import TypeVar, cast

Result = TypeVar("Result")

_inherited: list[Callable[[], object]] = []


@contextmanager
def running(jobs: Sequence[Callable[[], Result]], processes: int) -> Iterator[Iterator[Result]]:
    """Run jobs while the block goes on; gives their results in the order of the jobs.

    Results travel between processes, so they must be small and picklable; a job that raises, or a
    process that dies, raises where the results are read.
    """
    if processes == 1:
        yield (job() for job in jobs)
        return
    with ProcessPoolExecutor(processes, get_context("fork"), _inherit, (jobs,)) as pool:
        yield cast("Iterator[Result]", pool.map(_run, range(len(jobs))))


def _inherit(jobs: Sequence[Callable[[], object]]) -> None:
    """Called in each child: its memory holds the jobs already, nothing is sent."""
    _inherited[:] = jobs


def _run(number: int) -> object:
    return _inherited[number]()
