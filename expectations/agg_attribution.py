"""Plausibility of the mart `agg_attribution`, before anything in it is hidden.

That its counts add up to everybody covered is an invariant and tested in dbt.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, one_of, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            ["snapshot_date", "panel", "partner_id", "practice_id", "reason"],
            "uniqueness",
            "each cell of the table is counted once",
        ),
        one_of(
            "reason",
            [
                "SELECTED",
                "SELECTED_OTHER",
                "VISITS",
                "RX",
                "NONE",
                "NOT_COVERED",
                "PRODUCT_EXCLUDED",
                "TOO_FEW_MONTHS",
            ],
            "validity",
            "every member and month has one of the reasons of B.9",
        ),
        between("members", 1, 5_000_000, "validity", "a cell that is there counts somebody"),
        between("new_members", 0, None, "validity", "counts are not negative"),
        not_less("members", "new_members", "consistency", "new members are members"),
        not_less("members", "tied_members", "consistency", "tied members are members"),
    ]


SUITE = Suite("agg_attribution", build)
