"""Pay-for-performance scoring (METHODS J): points a measure, the composite, the payout.

Everything that decides money is exact. Computing a measure's rate does not belong here.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction

from orchestration.payment.money import cents_of, rounded, whole_cents
from orchestration.payment.shared_savings import Quality
from orchestration.payment.terms import PayForPerformance, PointMethod

WEIGHT_TOO_SMALL = "WEIGHT_TOO_SMALL"
NOT_REPORTED = "REPORTING_FAILED"
BELOW_PAYOUT = "BELOW_PAYOUT"
TREND_TOO_HIGH = "TREND_TOO_HIGH"


@dataclass(frozen=True)
class MeasureScore:
    """One measure's rate against its targets (J.1); shares of 1, exact.

    A lower-is-better measure is given as 1 − rate. `base` is the group's own baseline rate with its
    denominator, None where it has none.
    """

    weight: Decimal
    rate: Fraction
    denominator: int
    threshold: Fraction
    benchmark: Fraction
    base: Fraction | None = None
    base_denominator: int = 0


@dataclass(frozen=True)
class Composite:
    """Score and scored weight as shares of 1; the points of each measure, None where not scored."""

    score: Fraction | None
    weight_scored: Fraction
    points: tuple[Fraction | None, ...]


@dataclass(frozen=True)
class P4pPayment:
    """The pool, the share of it that the score earns, and the payment; money in cents."""

    pool_cents: int
    payout_share: Fraction
    payment_cents: int
    failed_reasons: tuple[str, ...]


def attainment_points(measure: MeasureScore, method: PointMethod = "integer") -> Fraction:
    """0 below the threshold, 10 from the benchmark on, between them 1–9 (J.2)."""
    if measure.rate < measure.threshold:
        return Fraction(0)
    if measure.rate >= measure.benchmark:
        return Fraction(10)
    way = (measure.rate - measure.threshold) / (measure.benchmark - measure.threshold)
    if method == "linear":
        return 10 * way
    return Fraction(min(max(int(rounded(9 * way + Fraction(1, 2), 0)), 1), 9))


def improvement_points(
    measure: MeasureScore, method: PointMethod = "integer", min_den: int = 30
) -> Fraction:
    """0 without improvement or a sound base, 10 from the benchmark on, between them 0–9 (J.2)."""
    if measure.base is None or measure.base_denominator < min_den:
        return Fraction(0)
    if measure.rate >= measure.benchmark and measure.rate > measure.base:
        return Fraction(10)
    if measure.rate <= measure.base or measure.benchmark <= measure.base:
        return Fraction(0)
    way = (measure.rate - measure.base) / (measure.benchmark - measure.base)
    if method == "linear":
        return 10 * way * Fraction(9, 10)
    return Fraction(min(max(int(rounded(10 * way - Fraction(1, 2), 0)), 0), 9))


def composite(
    measures: Sequence[MeasureScore],
    method: PointMethod = "integer",
    has_improvement: bool = True,
    min_den: int = 30,
) -> Composite:
    """Σ w·points / Σ w·10 over measures with a sound denominator; their weight is shared out (J.3).

    The score is None where nothing can be scored.
    """
    points = [
        None
        if measure.denominator < min_den
        else max(
            attainment_points(measure, method),
            improvement_points(measure, method, min_den) if has_improvement else Fraction(0),
        )
        for measure in measures
    ]
    scored = [
        (Fraction(measure.weight), earned)
        for measure, earned in zip(measures, points, strict=True)
        if earned is not None
    ]
    total = sum((Fraction(measure.weight) for measure in measures), Fraction(0))
    weight = sum((one for one, _ in scored), Fraction(0))
    if not weight:
        return Composite(None, Fraction(0), tuple(points))
    score = sum((one * earned for one, earned in scored), Fraction(0)) / (10 * weight)
    return Composite(score, weight / total, tuple(points))


def payout_share(terms: PayForPerformance, score: Fraction) -> Fraction:
    """Share of the pool by the payout table: 0 below it, straight lines, then its last share."""
    table = [(Fraction(at), Fraction(share)) for at, share in terms.payout]
    if score < table[0][0]:
        return Fraction(0)
    for (low, at_low), (high, at_high) in itertools.pairwise(table):
        if score <= high:
            return at_low + (at_high - at_low) * (score - low) / (high - low)
    return table[-1][1]


def pay_for_performance(
    terms: PayForPerformance,
    member_months: int,
    quality: Quality | None,
    trend_difference_points: Fraction | None = None,
) -> P4pPayment:
    """Pool × payout(score), unless the weight scored or the cost trend forbids it (J.3)."""
    pool = cents_of(terms.pool_pmpm) * member_months
    share = Fraction(0)
    failed = []
    if quality is None:
        failed.append(NOT_REPORTED)
    else:
        share = payout_share(terms, Fraction(quality.score))
        if quality.weight_scored < terms.min_weight_scored:
            failed.append(WEIGHT_TOO_SMALL)
        if not share:
            failed.append(BELOW_PAYOUT)
    if (
        terms.max_trend_points is not None
        and trend_difference_points is not None
        and trend_difference_points > Fraction(terms.max_trend_points)
    ):
        failed.append(TREND_TOO_HIGH)
    if failed:
        share = Fraction(0)
    return P4pPayment(pool, share, whole_cents(pool * share), tuple(failed))


def wilson_interval(numerator: int, denominator: int) -> tuple[float, float]:
    """95 % interval of a rate (J.3)."""
    from scipy.stats import binomtest

    interval = binomtest(numerator, denominator).proportion_ci(0.95, method="wilson")
    return float(interval.low), float(interval.high)
