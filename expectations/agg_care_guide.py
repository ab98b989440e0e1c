"""Plausibility of the mart `agg_care_guide`: who is in a guide, has a plan and is followed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            ["program_id", "partner_id", "care_guide", "practice_id"],
            "uniqueness",
            "a practice follows a guide once",
        ),
        not_less("members", "members_with_plan", "consistency", "who has a plan is a member"),
        between("members_followed", 0, None, "validity", "those followed are counted"),
    ]


SUITE = Suite("agg_care_guide", build, may_be_empty=True)
