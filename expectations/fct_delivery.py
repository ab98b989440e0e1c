"""Plausibility of the mart `fct_delivery`: what senders deliver, and what intake made of it.

That rows are conserved is an invariant and tested in dbt; that no month is missing is a check of
the ledger.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, matches, not_less, one_of, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(["delivery_id"], "uniqueness", "a delivery is counted once"),
        one_of("status", ["loaded", "quarantined"], "validity", "a delivery is taken or set aside"),
        one_of(
            "mode",
            ["period", "snapshot", "append"],
            "validity",
            "what supersedes what is decided by these three (DESIGN 6)",
        ),
        matches(
            "reason",
            r"^[a-z_]*$",
            "validity",
            "a quarantine is named, never told in the sender's own words",
        ),
        between("version", 1, 99, "plausibility", "a hundredth correction is a test file"),
        not_less(
            "row_count", "loaded_count", "consistency", "no row is loaded that did not come in"
        ),
        between(
            "duplicate_count",
            0,
            1_000_000,
            "plausibility",
            "a file that repeats itself a million times was joined from copies",
            "warning",
        ),
    ]


SUITE = Suite("fct_delivery", build)
