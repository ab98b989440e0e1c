"""Plausibility of the mart `agg_coordinator_effect`: what goes with a coordinator's contact."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, one_of, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            ["analysis", "program_id"],
            "uniqueness",
            "each analysis speaks once of a program",
        ),
        one_of(
            "verdict",
            ["more", "fewer", "similar", "insufficient"],
            "validity",
            "the page says one of these words",
        ),
        not_less(
            "contacted", "contacted_events", "consistency", "an event is one of those contacted"
        ),
        not_less("others", "other_events", "consistency", "an event is one of the others"),
        between(
            "difference",
            -1,
            1,
            "validity",
            "shares differ by at most the whole",
            may_be_unjudged=True,
        ),
    ]


SUITE = Suite("agg_coordinator_effect", build, may_be_empty=True)
