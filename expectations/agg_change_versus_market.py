"""Plausibility of the outcome `agg_change_versus_market`, before anything in it is hidden.

How the numbers are computed does not belong here; a suite says what they can hardly be.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, not_null, one_of, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    from great_expectations.expectations.row_conditions import Column

    stated = Column("verdict") != "insufficient"
    return [
        unique_together(
            ["program_id", "outcome", "weighting"],
            "uniqueness",
            "a program has one change an outcome and weighting",
        ),
        one_of("outcome", ["er_visits", "cost"], "validity", "H.5 is computed for these two"),
        one_of("weighting", ["none", "att"], "validity", "plain, or the published design"),
        not_null("sentence", "completeness", "every result can be read aloud (H.7)"),
        between(
            "change_ratio",
            0.4,
            2.5,
            "plausibility",
            "a panel that halves or doubles against its market is an error of data",
            may_be_unjudged=True,
            only_where=stated,
        ),
        not_less(
            "bootstrap_upper",
            "bootstrap_lower",
            "consistency",
            "an interval has two ends in order",
            may_be_unjudged=True,
        ),
    ]


SUITE = Suite("agg_change_versus_market", build)
