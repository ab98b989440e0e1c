"""The bootstrap by person, in random sets of persons (METHODS H.4, H.5; docs/adr/0022).

A population's persons are dealt at random into at most 2,000 sets of equal size, and sets are drawn
with replacement: a population of fewer is drawn person by person. That is the bootstrap by person
up to the error of a standard deviation from 2,000 values (1.6 %), at a cost that does not grow with
the population. What is estimated from a draw does not belong here.
"""

import numpy as np
import numpy.typing as npt

IntArray = npt.NDArray[np.int64]
FloatArray = npt.NDArray[np.float64]

BOOTSTRAP_DRAWS = 2_000
BOOTSTRAP_SEED = 20150520
RESAMPLED_SETS = 2_000


def deal(persons: int, seed: int, *stream: int) -> tuple[IntArray, int]:
    """Number of the set of each person, and how many sets there are."""
    sets = min(persons, RESAMPLED_SETS)
    shuffled = np.random.default_rng([seed, *stream]).permutation(persons)
    set_of = np.empty(persons, dtype=np.int64)
    set_of[shuffled] = np.arange(persons) % max(sets, 1)
    return set_of, sets


class Draws:
    """How often each set is drawn, draw × set: one draw for all populations of one stream.

    Populations that are compared with each other must be of different streams. What is kept is 32
    megabytes a stream.
    """

    def __init__(self) -> None:
        self._known: dict[tuple[int, int, tuple[int, ...]], FloatArray] = {}

    def __call__(self, sets: int, draws: int, seed: int, *stream: int) -> FloatArray:
        if sets < RESAMPLED_SETS:
            return _drawn(sets, draws, seed, stream)
        key = (draws, seed, stream)
        if key not in self._known:
            self._known[key] = _drawn(sets, draws, seed, stream)
        return self._known[key]


def _drawn(sets: int, draws: int, seed: int, stream: tuple[int, ...]) -> FloatArray:
    drawn = np.random.default_rng([seed, 2, *stream]).integers(0, sets, size=(draws, sets))
    drawn += np.arange(draws)[:, None] * sets
    counts = np.bincount(drawn.ravel(), minlength=draws * sets)
    return counts.reshape(draws, sets).astype(np.float64)
