"""Plausibility of the mart `dim_program`: the terms every report is read with.

That terms are complete and agree among the programs of a payer is validated where they are read.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(["program_id"], "uniqueness", "a program has one line of terms"),
        between("expected_members", 100, 2_000_000, "plausibility", "panels hold thousands"),
        between("lookback_months", 6, 48, "plausibility", "attribution looks back a year or two"),
        between("outcome_lag_months", 0, 3, "plausibility", "panels precede their outcomes"),
        between(
            "truncation_amount",
            10_000,
            10_000_000,
            "plausibility",
            "cents read as dollars would truncate nobody, dollars as cents everybody (A.9)",
        ),
        not_less(
            "performance_start_date",
            "baseline_end_date",
            "consistency",
            "the baseline ends before the performance period starts",
        ),
        not_less(
            "performance_end_date",
            "performance_start_date",
            "consistency",
            "a period ends after it starts",
        ),
    ]


SUITE = Suite("dim_program", build)
