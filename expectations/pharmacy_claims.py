"""Plausibility of `pharmacy_claims` deliveries: amounts, supply, reversals, prescribers.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "pharmacy_claims",
    (
        Profiled("person_id", "person_id", ("distinct",)),
        Profiled("allowed_amount", "abs(allowed_amount)", ("mean",)),
        Profiled("is_paid_above_allowed", "abs(paid_amount) > abs(allowed_amount) + 1", ("mean",)),
        Profiled("days_supply", "days_supply", ("range", "mean")),
        Profiled("is_reversed", "claim_status = 'reversed'", ("mean",)),
        Profiled("is_paid_in_period", "strftime(paid_date, '%Y-%m') = period", ("mean",)),
        Profiled("ndc_code", "ndc_code", ("distinct",)),
        Profiled("prescriber_npi", "prescriber_npi"),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between(
            "row_count",
            1,
            None,
            "completeness",
            "a month without fills was not extracted",
            "warning",
        ),
        between("person_id__distinct", 2, None, "plausibility", "fills of one person are a test"),
        between(
            "allowed_amount__mean",
            5,
            2_000,
            "plausibility",
            "cents read as dollars, or the reverse, are off by a hundred",
        ),
        between(
            "is_paid_above_allowed__mean", 0, 0.02, "consistency", "a plan pays what it allows"
        ),
        between("days_supply__min", -366, None, "validity", "supplies last days, not years"),
        between("days_supply__max", None, 366, "validity", "supplies last days, not years"),
        between(
            "days_supply__mean", 7, 100, "plausibility", "refill measures count days of supply"
        ),
        between("is_reversed__mean", 0, 0.3, "plausibility", "most fills are picked up"),
        between(
            "is_paid_in_period__mean",
            0.98,
            1,
            "timeliness",
            "a file holds what was paid in the month it is named for",
        ),
        between("ndc_code__null_share", 0, 0.02, "completeness", "a fill without a drug is none"),
        between("ndc_code__distinct", 5, None, "plausibility", "members take different drugs"),
        between(
            "prescriber_npi__null_share",
            0,
            0.2,
            "completeness",
            "attribution by prescriptions needs the prescriber (B.3)",
            "warning",
        ),
    ]


SUITE = Suite("pharmacy_claims", build)
