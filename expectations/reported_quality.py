"""Plausibility of `reported_quality` deliveries: a handful of rows that decide eligibility.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "reported_quality",
    (
        Profiled("quality_score", "quality_score", ("range",)),
        Profiled("weight_scored", "weight_scored", ("range",)),
        Profiled("period_days", "period_end_date - period_start_date + 1", ("range",)),
        Profiled("days_since_period", "delivered_on - period_end_date", ("range",)),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between("row_count", 1, None, "completeness", "a report without rows reports nothing"),
        between("quality_score__min", 0, None, "validity", "scores are shares of 0 to 1"),
        between("quality_score__max", 0.05, 1, "validity", "percent read as shares exceed 1"),
        between("weight_scored__min", 0, None, "validity", "weights are shares of 0 to 1"),
        between("weight_scored__max", 0.05, 1, "validity", "percent read as shares exceed 1"),
        between("period_days__min", 85, None, "validity", "periods are quarters or years"),
        between("period_days__max", None, 367, "validity", "periods are quarters or years"),
        between(
            "days_since_period__min",
            0,
            None,
            "timeliness",
            "a period is reported after it has ended",
            "warning",
        ),
    ]


SUITE = Suite("reported_quality", build)
