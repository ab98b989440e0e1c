"""Exact money: cents as whole numbers, one rounding rule, conversions from and to decimals."""

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


def dollars(cents: int) -> Decimal:
    """Cents as exact dollars of two decimals."""
    return Decimal(cents).scaleb(-2, _WIDE)


def cents_of(amount: Decimal) -> int:
    """Exact dollars as cents; raises ValueError for an amount finer than a cent."""
    cents = Fraction(amount) * 100
    if cents.denominator != 1:
        raise ValueError(f"{amount} dollars are not a whole number of cents")
    return cents.numerator
