"""Practices and clinicians beside each other: shrunk rates and funnel limits (METHODS H.6, H.9).

Small numbers make extremes: a rate is drawn towards the mean of all as far as chance alone explains
how they differ. What a rate counts does not belong here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.stats import betabinom, norm

FUNNEL_LEVEL = 0.998
_STRENGTHS = (-1.0, 14.0)
"""Natural logarithms between which the prior's strength (as many people) is looked for."""


@dataclass(frozen=True)
class Shrunk:
    """Raw rates, rates drawn to the mean, the mean, and how many people the mean counts for."""

    mean: float
    strength: float
    raw: tuple[float, ...]
    shrunk: tuple[float, ...]


@dataclass(frozen=True)
class Funnel:
    """99.8 % limits about the mean for as many people, overdispersion included."""

    mean: float
    dispersion: float

    def limits(self, people: float) -> tuple[float, float]:
        """Lower and upper limit of a rate among so many people, within 0 and 1."""
        z = float(norm.ppf((1 + FUNNEL_LEVEL) / 2))
        width = z * sqrt(self.dispersion * self.mean * (1 - self.mean) / people)
        return max(self.mean - width, 0.0), min(self.mean + width, 1.0)


def shrunk_rates(counts: Sequence[tuple[int, int]]) -> Shrunk:
    """Empirical Bayes by a beta-binomial: (numerator, denominator) of each, denominators above 0.

    The mean is that of all people; the prior's strength is its maximum of likelihood. Raises
    ValueError without any.
    """
    if not counts:
        raise ValueError("nothing to shrink: give at least one numerator and denominator")
    events = np.array([one[0] for one in counts])
    people = np.array([one[1] for one in counts])
    mean = float(events.sum() / people.sum())
    raw = events / people
    if not 0 < mean < 1 or len(counts) == 1:
        return Shrunk(mean, float("inf"), tuple(map(float, raw)), (mean,) * len(counts))

    def unlikely(log_strength: float) -> float:
        strength = exp(log_strength)
        found = betabinom.logpmf(events, people, mean * strength, (1 - mean) * strength)
        return -float(np.sum(found))

    found = minimize_scalar(unlikely, bounds=_STRENGTHS, method="bounded")
    strength = exp(float(found.x))
    shrunk = (events + mean * strength) / (people + strength)
    return Shrunk(mean, strength, tuple(map(float, raw)), tuple(map(float, shrunk)))


def funnel_of(counts: Sequence[tuple[int, int]]) -> Funnel | None:
    """Mean and dispersion (at least 1) of all; None where all rates are 0 or 1, or there are none.

    The dispersion is of Pearson residuals cut at their 10th and 90th percentile, so that the
    practices it is to find do not widen it.
    """
    people = np.array([one[1] for one in counts], dtype=float)
    if not len(people) or not people.sum():
        return None
    events = np.array([one[0] for one in counts], dtype=float)
    mean = float(events.sum() / people.sum())
    if not 0 < mean < 1:
        return None
    residuals = (events / people - mean) / np.sqrt(mean * (1 - mean) / people)
    low, high = np.quantile(residuals, [0.1, 0.9])
    dispersion = float((np.clip(residuals, low, high) ** 2).mean())
    return Funnel(mean, max(1.0, dispersion))


@dataclass(frozen=True)
class Standing:
    """One practice or clinician: raw and shrunk rate, its funnel's limits and where it lies."""

    raw: float
    shrunk: float
    low: float
    high: float
    mean: float
    place: str


def standings(counts: Sequence[tuple[int, int]]) -> list[Standing]:
    """Each of (numerator, denominator) among all of them, in their order."""
    if not counts:
        return []
    drawn, funnel = shrunk_rates(counts), funnel_of(counts)
    found = []
    for (_, people), raw, shrunk in zip(counts, drawn.raw, drawn.shrunk, strict=True):
        low, high = funnel.limits(people) if funnel else (0.0, 1.0)
        place = "within" if low <= raw <= high else "below" if raw < low else "above"
        found.append(Standing(raw, shrunk, low, high, drawn.mean, place))
    return found
