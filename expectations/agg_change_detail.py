"""Plausibility of the outcome `agg_change_detail`: what stands behind `agg_change_versus_market`.

It is empty where every panel is too small to be shown in parts.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_null, one_of, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            ["program_id", "part", "outcome", "item_number"],
            "uniqueness",
            "lines of a table have an order",
        ),
        one_of(
            "part",
            ["balance", "quarter", "placebo"],
            "validity",
            "a balance table, an event study, a placebo distribution (H.5)",
        ),
        not_null("item", "completeness", "every line says what it is about"),
        between(
            "ratio",
            0,
            20,
            "plausibility",
            "a quarter or group at twenty times its baseline is an error of data",
            "warning",
            may_be_unjudged=True,
        ),
    ]


SUITE = Suite("agg_change_detail", build, may_be_empty=True)
