"""Plausibility of the mart `agg_support_program`: offered, enrolled, declined and completed."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            ["program_id", "partner_id", "support_program"],
            "uniqueness",
            "a partner refers to a support program once",
        ),
        between("candidates", 0, None, "validity", "candidates are counted"),
        not_less(
            "members_enrolled", "members_completed", "consistency", "who completed was enrolled"
        ),
    ]


SUITE = Suite("agg_support_program", build, may_be_empty=True)
