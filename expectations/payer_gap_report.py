"""Plausibility of `payer_gap_report` deliveries: how many gaps, how old the report is.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "payer_gap_report",
    (
        Profiled("person_id", "person_id", ("distinct",)),
        Profiled("gap_code", "gap_code", ("distinct",)),
        Profiled("is_due", "due_date <= report_date", ("mean",)),
        Profiled("days_before_delivery", "delivered_on - report_date", ("range",)),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between(
            "row_count", 1, None, "completeness", "a report without gaps is no report", "warning"
        ),
        between(
            "person_id__distinct",
            2,
            None,
            "consistency",
            "one member in every row is a mapping mistake",
        ),
        between(
            "gap_code__distinct",
            2,
            None,
            "plausibility",
            "more than one measure is reported",
            "warning",
        ),
        between(
            "is_due__mean", 0.01, None, "plausibility", "gaps are services that are due", "warning"
        ),
        between(
            "days_before_delivery__min",
            0,
            None,
            "timeliness",
            "a report is delivered after it was made",
        ),
        between(
            "days_before_delivery__max",
            None,
            100,
            "timeliness",
            "an old report names closed gaps",
            "warning",
        ),
    ]


SUITE = Suite("payer_gap_report", build)
