"""Completion of claims paid to date (METHODS A.8): chain ladder on payment triangles, exact.

Reading the triangle's numbers and the two ways to use them belong here; capping a person's cost
(A.9) does not, and comes first.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import duckdb

from orchestration.payment.money import rounded

Triangle = Mapping[tuple[int, int], int]
"""Cents by (incurred month, lag in months): what was paid in that lag alone, not cumulated."""

_PLACES = 12


@dataclass(frozen=True)
class Completion:
    """Completion factors by lag of each cost category, and the volumes they complete."""

    triangles: Mapping[str, Triangle]
    factors: Mapping[str, tuple[Fraction, ...]]
    member_months: Mapping[int, int]
    through: int
    """Number of the last month whose payments are known (`month_number`)."""


def month_number(year_and_month: str) -> int:
    """`2026-06` as the warehouse's number of a month: twelve times the year, plus month − 1."""
    year, month = year_and_month.split("-")[:2]
    return 12 * int(year) + int(month) - 1


def cumulated(triangle: Triangle, through: int) -> dict[int, list[int]]:
    """Cumulative cents by incurred month: lag 0, 1, … up to the last month known."""
    by_month: dict[int, list[int]] = {}
    for month in sorted({month for month, _ in triangle if month <= through}):
        total, row = 0, []
        for lag in range(through - month + 1):
            total += triangle.get((month, lag), 0)
            row.append(total)
        by_month[month] = row
    return by_month


def age_to_age(triangle: Triangle, through: int, diagonals: int) -> list[Fraction]:
    """f_j = Σ C[i,j+1] / Σ C[i,j] over months with both values, of the last so many diagonals."""
    rows = cumulated(triangle, through)
    longest = max((len(row) for row in rows.values()), default=0)
    factors = []
    for lag in range(longest - 1):
        pairs = [
            (row[lag], row[lag + 1])
            for month, row in rows.items()
            if len(row) > lag + 1 and month + lag + 1 > through - diagonals
        ]
        before, after = sum(pair[0] for pair in pairs), sum(pair[1] for pair in pairs)
        factors.append(Fraction(after, before) if before > 0 and after > 0 else Fraction(1))
    return factors


def completion_factors(
    triangle: Triangle, through: int, diagonals: int, tail: Fraction = Fraction(1)
) -> tuple[Fraction, ...]:
    """CF_j = 1 / (f_j · f_{j+1} · … · tail) by lag, to twelve decimals; the last is the tail's."""
    product, factors = tail, []
    for factor in (*reversed(age_to_age(triangle, through, diagonals)), None):
        factors.append(Fraction(rounded(1 / product, _PLACES)))
        if factor is not None:
            product *= factor
    return tuple(reversed(factors))


def completed_share(
    completion: Completion, first_month: int, last_month: int, cf_min: Fraction
) -> Fraction:
    """Completed over paid-to-date cost of a period, all categories, twelve decimals, half up.

    A month whose factor is below `cf_min` is too young to be divided by it: its cost is the same
    month's of the year before, per member month, moved by the trend of the period's other months;
    where there is no such month, or no year before, the factor is used all the same. Months after
    `through` have no claims. 1 where there is no cost.
    """
    paid = completed = Fraction(0)
    for category, triangle in completion.triangles.items():
        rows = cumulated(triangle, completion.through)
        months = [month for month in range(first_month, last_month + 1) if month in rows]
        current = {month: Fraction(rows[month][-1]) for month in rows}
        ultimate = {
            month: cents / _at(completion.factors[category], completion.through - month)
            for month, cents in current.items()
        }
        young = {
            month
            for month in months
            if _at(completion.factors[category], completion.through - month) < cf_min
        }
        trend = _trend(completion.member_months, ultimate, set(months) - young)
        for month in months:
            paid += current[month]
            year_before = _per_member(completion.member_months, ultimate, month - 12)
            if month in young and trend is not None and year_before is not None:
                completed += year_before * trend * completion.member_months.get(month, 0)
            else:
                completed += ultimate[month]
    return Fraction(rounded(completed / paid, _PLACES)) if paid > 0 else Fraction(1)


def fit_completion(
    triangles: Mapping[str, Triangle],
    member_months: Mapping[int, int],
    through: int,
    diagonals: int,
) -> Completion:
    """Fit every category's factors by itself, of the last `diagonals` (`cl_months`)."""
    return Completion(
        triangles,
        {
            category: completion_factors(triangle, through, diagonals)
            for category, triangle in triangles.items()
        },
        member_months,
        through,
    )


def read_triangles(warehouse: duckdb.DuckDBPyConnection) -> dict[str, dict[str, Triangle]]:
    """Triangles by payer and cost category from `int_payment_triangle`."""
    found = warehouse.execute(
        """
        select payer, cost_category, incurred_month_number, lag_months, allowed_cents
        from int_payment_triangle
        order by all
        """
    ).fetchall()
    triangles: dict[str, dict[str, dict[tuple[int, int], int]]] = defaultdict(
        lambda: defaultdict(dict)
    )
    for payer, category, incurred, lag, cents in found:
        triangles[payer][category][incurred, lag] = cents
    return {payer: dict(of_payer) for payer, of_payer in triangles.items()}


def read_member_months(warehouse: duckdb.DuckDBPyConnection) -> dict[str, dict[int, int]]:
    """Medical member months of each payer by month, of everyone."""
    found = warehouse.execute(
        """
        select payers.payer, months.month_number, count(*)
        from int_member_month_counted as months
        inner join (select distinct payer, payer_key from int_payer_rule) as payers
            on months.payer_key = payers.payer_key
        where months.is_medical
        group by all
        order by all
        """
    ).fetchall()
    of_payer: dict[str, dict[int, int]] = defaultdict(dict)
    for payer, month, count in found:
        of_payer[payer][month] = count
    return dict(of_payer)


def _at(factors: Sequence[Fraction], lag: int) -> Fraction:
    """The factor of a lag; beyond the longest one seen nothing more is expected."""
    return factors[lag] if lag < len(factors) else Fraction(1)


def _per_member(
    member_months: Mapping[int, int], cents: Mapping[int, Fraction], month: int
) -> Fraction | None:
    count = member_months.get(month, 0)
    return cents[month] / count if count and month in cents else None


def _trend(
    member_months: Mapping[int, int], cents: Mapping[int, Fraction], months: set[int]
) -> Fraction | None:
    """PMPM of the months over that of the same months a year before."""
    both = [
        month
        for month in months
        if month - 12 in cents and member_months.get(month) and member_months.get(month - 12)
    ]
    before = sum((cents[month - 12] for month in both), Fraction(0))
    if before <= 0:
        return None
    now = sum((cents[month] for month in both), Fraction(0))
    months_now = sum(member_months[month] for month in both)
    months_before = sum(member_months[month - 12] for month in both)
    return (now / months_now) / (before / months_before)
