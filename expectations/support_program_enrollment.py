"""Plausibility of `support_program_enrollment` deliveries: offers and what became of them.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "support_program_enrollment",
    (
        Profiled("person_id", "person_id", ("distinct",)),
        Profiled("is_offered", "offered_date is not null", ("mean",)),
        Profiled("is_enrolled", "enrolled_date is not null", ("mean",)),
        Profiled("is_declined", "declined_date is not null", ("mean",)),
        Profiled("ends_in_order", "(completed_date >= enrolled_date)::int", ("range",)),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between("row_count", 1, None, "completeness", "an empty list would offer everything again"),
        between(
            "person_id__distinct",
            2,
            None,
            "consistency",
            "one member in every row is a mapping mistake",
        ),
        between(
            "is_offered__mean",
            0.05,
            None,
            "plausibility",
            "programs are offered before they are joined",
            "warning",
        ),
        between(
            "is_enrolled__mean", 0.01, 0.99, "plausibility", "some join and some do not", "warning"
        ),
        between("is_declined__mean", 0, 0.95, "plausibility", "not everybody declines", "warning"),
        between(
            "ends_in_order__min",
            1,
            None,
            "validity",
            "one completes what one joined before",
            "warning",
            True,
        ),
    ]


SUITE = Suite("support_program_enrollment", build)
