"""Plausibility of `practice_profile` deliveries: hours and records of practices.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "practice_profile",
    (
        Profiled("practice_id", "practice_id", ("distinct",)),
        Profiled("is_in_force", "(profile_end_date > delivered_on)::int", ("range",)),
        Profiled("weekday_hours", "weekday_hours", ("range",)),
        Profiled("ehr_since_date", "ehr_since_date"),
        Profiled("extended_hours", "extended_hours"),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between("row_count", 1, None, "completeness", "access is a share of practices", "warning"),
        between(
            "practice_id__distinct",
            2,
            None,
            "consistency",
            "one practice in every row is a mapping mistake",
        ),
        between(
            "is_in_force__max",
            1,
            None,
            "timeliness",
            "some profile holds on the day of delivery",
            "warning",
        ),
        between(
            "weekday_hours__min",
            0.5,
            None,
            "plausibility",
            "practices are open on weekdays",
            "warning",
            True,
        ),
        between(
            "weekday_hours__max",
            4,
            None,
            "plausibility",
            "minutes and shares are not hours",
            "warning",
            True,
        ),
        between(
            "ehr_since_date__null_share",
            0,
            0.95,
            "completeness",
            "electronic records are the rule",
            "warning",
        ),
        between(
            "extended_hours__null_share",
            0,
            0.5,
            "completeness",
            "access is told by this feature",
            "warning",
        ),
    ]


SUITE = Suite("practice_profile", build)
