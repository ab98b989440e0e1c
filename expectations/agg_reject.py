"""Plausibility of the mart `agg_reject`: reasons and places of rejected rows, never their values.

How many rejects a delivery may have is its feed's contract, settled at intake.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, matches, not_null, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            ["delivery_id", "column_name", "reason"],
            "uniqueness",
            "each reason is told once of a delivery's column",
        ),
        matches(
            "reason",
            r"^[a-z0-9_]+$",
            "validity",
            "a reason is a name; anything else may be a value that identifies somebody",
        ),
        matches(
            "column_name",
            r"^(?:[a-z][a-z0-9_]*(?: \(.+\))?|[A-Z][A-Z0-9]{2}(?:-[0-9].*)?)?$",
            "validity",
            "a place is a column or a field of a message, never a value",
        ),
        not_null("remedy", "completeness", "whoever reads a reason asks what to do about it"),
        between("row_count", 1, None, "validity", "a reason that is there rejected something"),
        between("first_row_number", 1, None, "validity", "rows of a file are numbered from 1"),
    ]


SUITE = Suite("agg_reject", build, may_be_empty=True)
