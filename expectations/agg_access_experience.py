"""Plausibility of the mart `agg_access_experience`: what practices offer, what patients said.

Empty where neither feed is delivered.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            ["program_id", "partner_id"],
            "uniqueness",
            "a partner has one profile and one newest survey",
        ),
        between(
            "overall_score",
            0,
            1,
            "validity",
            "a score is a share of the best answer",
            may_be_unjudged=True,
        ),
        not_less("practices", "with_ehr", "consistency", "who has a record is a practice"),
        between("respondents", 0, None, "validity", "answers are counted", may_be_unjudged=True),
    ]


SUITE = Suite("agg_access_experience", build, may_be_empty=True)
