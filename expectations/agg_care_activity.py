"""Plausibility of the mart `agg_care_activity`: what coordinators did by month and side."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, one_of, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            [
                "program_id",
                "partner_id",
                "month_start_date",
                "coordinator_side",
                "activity",
                "outcome",
            ],
            "uniqueness",
            "an activity of a month is told once",
        ),
        one_of(
            "coordinator_side",
            ["group", "payer"],
            "validity",
            "a coordinator is of the group or of the payer",
        ),
        between("member_count", 1, None, "validity", "an entry speaks of somebody"),
        not_less("entry_count", "member_count", "consistency", "every member has an entry"),
    ]


SUITE = Suite("agg_care_activity", build, may_be_empty=True)
