"""Exact money: cents as whole numbers, one rounding rule, conversions from and to decimals."""

from collections.abc import Mapping
from decimal import ROUND_HALF_UP, Context, Decimal
from fractions import Fraction

_WIDE = Context(prec=60, rounding=ROUND_HALF_UP)


def rounded(value: Fraction, places: int) -> Decimal:
    """The fraction at so many decimals, half away from zero, from its exact value."""
    scaled = abs(value) * 10**places
    whole = (2 * scaled.numerator + scaled.denominator) // (2 * scaled.denominator)
    return Decimal(whole if value >= 0 else -whole).scaleb(-places, _WIDE)


def whole_cents(cents: Fraction) -> int:
    """Cents rounded half away from zero."""
    return int(rounded(cents, 0))


def shared_out(cents: int, weights: Mapping[str, int]) -> dict[str, int]:
    """Whole cents to each name in proportion to its weight; the parts add up to the amount.

    What rounding down leaves goes, a cent each, to the largest remainders, of equal ones to the
    smallest name. Nothing is shared out where no weight is above 0. Raises ValueError for a
    negative amount or weight.
    """
    if cents < 0 or any(weight < 0 for weight in weights.values()):
        raise ValueError("an amount is shared out by weights of 0 or more")
    total = sum(weights.values())
    if not total:
        return {}
    parts = {name: divmod(cents * weight, total) for name, weight in sorted(weights.items())}
    left = cents - sum(whole for whole, _ in parts.values())
    first = sorted(parts, key=lambda name: (-parts[name][1], name))[:left]
    return {name: whole + (name in first) for name, (whole, _) in parts.items()}


def shared_by_quality(
    by_panel: int,
    by_quality: int,
    months: Mapping[str, int],
    indexes: Mapping[str, Fraction],
    whole: Fraction | None,
) -> dict[str, int]:
    """Two amounts to each name: one by member months, one by member months × quality index.

    A name without an index takes `whole`; where nobody has any, both amounts go by member months.
    Indexes count at six decimals, as they are told. The parts add up to both amounts.
    """
    weights = {
        name: count * int(rounded(indexes.get(name, whole or Fraction(0)) * 10**6, 0))
        for name, count in months.items()
    }
    if not any(weights.values()):
        weights = dict(months)
    parts = shared_out(by_panel, months)
    for name, cents in shared_out(by_quality, weights).items():
        parts[name] = parts.get(name, 0) + cents
    return parts


def dollars(cents: int) -> Decimal:
    """Cents as exact dollars of two decimals."""
    return Decimal(cents).scaleb(-2, _WIDE)


def cents_of(amount: Decimal) -> int:
    """Exact dollars as cents; raises ValueError for an amount finer than a cent."""
    cents = Fraction(amount) * 100
    if cents.denominator != 1:
        raise ValueError(f"{amount} dollars are not a whole number of cents")
    return cents.numerator
