"""The cap on one person's cost (METHODS A.9), as one function over cents.

The warehouse applies it in SQL for whole periods; this is the rule by itself, for what is settled
person by person and for holding the SQL to it.
"""

from fractions import Fraction

from orchestration.payment.money import whole_cents


def truncated_cents(
    cost_cents: int, cap_cents: int, member_months: int = 12, is_prorated: bool = False
) -> int:
    """Cost up to the cap; a prorated cap is cap × member months / 12, rounded to the cent."""
    if is_prorated:
        cap_cents = whole_cents(Fraction(cap_cents * member_months, 12))
    return min(cost_cents, cap_cents)
