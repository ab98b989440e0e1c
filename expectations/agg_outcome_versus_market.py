"""Plausibility of the outcome `agg_outcome_versus_market`, before anything in it is hidden.

How the numbers are computed does not belong here; a suite says what they can hardly be.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, one_of, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    from great_expectations.expectations.row_conditions import Column

    stated = Column("verdict") != "insufficient"
    return [
        unique_together(
            ["program_id", "outcome", "market_basis"],
            "uniqueness",
            "a program has one result an outcome and basis",
        ),
        one_of(
            "verdict",
            ["lower", "similar", "higher", "insufficient", "described"],
            "validity",
            "the words are decided by the interval alone (H.7)",
        ),
        between(
            "ratio",
            0.2,
            5,
            "plausibility",
            "a panel at a fifth or five times its market is an error of data",
            may_be_unjudged=True,
            only_where=stated,
        ),
        not_less(
            "interval_upper",
            "interval_lower",
            "consistency",
            "an interval has two ends in order",
            may_be_unjudged=True,
        ),
    ]


SUITE = Suite("agg_outcome_versus_market", build)
