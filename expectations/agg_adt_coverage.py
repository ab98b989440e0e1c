"""Plausibility of the mart `agg_adt_coverage`: which stays hospitals told of."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            ["program_id", "partner_id", "facility_npi"],
            "uniqueness",
            "a hospital's coverage is told once",
        ),
        not_less("stays", "stays_told", "consistency", "a stay told of is one of the stays"),
        between(
            "told_rate",
            0,
            1,
            "validity",
            "a share is at most the whole",
            may_be_unjudged=True,
        ),
    ]


SUITE = Suite("agg_adt_coverage", build, may_be_empty=True)
