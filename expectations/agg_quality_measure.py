"""Plausibility of the mart `agg_quality_measure`, before anything in it is hidden.

What a measure asks for does not belong here (METHODS D.1).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, one_of, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

POPULATIONS = ("panel", "attributed_elsewhere", "whole_market")


def build() -> Sequence["Expectation"]:
    from great_expectations.expectations.row_conditions import Column

    large = Column("denominator_count") >= 1_000
    return [
        unique_together(
            ["measure_year", "measure_id", "program_id", "population", "practice_id"],
            "uniqueness",
            "a measure is told once of each population",
        ),
        one_of("population", POPULATIONS, "validity", "a rate is of a panel or of its market"),
        between("denominator_count", 0, 5_000_000, "validity", "counts are not negative"),
        between("excluded_count", 0, 5_000_000, "validity", "counts are not negative"),
        between("rate", 0, 1, "validity", "a rate is a share", may_be_unjudged=True),
        between(
            "wilson_upper",
            0.005,
            None,
            "plausibility",
            "a measure that nobody of a thousand meets has lost its evidence",
            "warning",
            only_where=large,
        ),
        between(
            "wilson_lower",
            None,
            0.995,
            "plausibility",
            "a measure that everybody of a thousand meets counts too much",
            "warning",
            only_where=large,
        ),
        not_less(
            "denominator_count",
            "numerator_count",
            "consistency",
            "who meets a measure is counted in it",
        ),
    ]


SUITE = Suite("agg_quality_measure", build)
