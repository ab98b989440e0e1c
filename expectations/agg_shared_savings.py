"""Plausibility of the outcome `agg_shared_savings`, before anything in it is hidden.

How savings are computed does not belong here; a suite says what they can hardly be. Amounts are
judged as doubles, on a copy: the published ones stay exact.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, matches, not_less, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

_REASONS = (
    "PANEL_TOO_SMALL|INCOMPLETE_CLAIMS|REPORTING_FAILED|QUALITY_GATE|NO_SAVINGS|BELOW_MSR|"
    "CAP_APPLIED|TERMINATED|NO_BENCHMARK"
)


def build() -> Sequence["Expectation"]:
    from great_expectations.expectations.row_conditions import Column

    large = Column("performance_persons") >= 1_000
    return [
        unique_together(["program_id"], "uniqueness", "a program has one settlement a period"),
        matches(
            "failed_reasons",
            rf"^(?:(?:{_REASONS})(?:,\s?(?!$)|$))*$",
            "validity",
            "reasons are the named ones of I.4, all of them",
        ),
        between("performance_persons", 1, None, "completeness", "a program has members"),
        between(
            "baseline_pmpm_amount",
            50,
            5_000,
            "plausibility",
            "commercial members cost 300 to 800 dollars a month",
            only_where=large,
        ),
        between(
            "performance_pmpm_amount",
            50,
            5_000,
            "plausibility",
            "commercial members cost 300 to 800 dollars a month",
            only_where=large,
        ),
        between(
            "benchmark_pmpm_amount",
            50,
            5_000,
            "plausibility",
            "a benchmark is a cost",
            only_where=large,
        ),
        between(
            "market_trend_percent",
            -20,
            40,
            "plausibility",
            "a market moves by a few percent a year",
            only_where=large,
        ),
        between(
            "savings_percent",
            -60,
            60,
            "plausibility",
            "a program saves or loses a few percent",
            only_where=large,
        ),
        between(
            "completion_ratio",
            0.5,
            None,
            "plausibility",
            "claims known are most of a year once it may be settled, reversals a few (A.8)",
        ),
        between("msr_percent", 0, 25, "validity", "minimum savings rates are a few percent (I.3)"),
        between(
            "quality_score", 0, 1, "validity", "scores are shares of one", may_be_unjudged=True
        ),
        between("sharing_rate", 0, 1, "validity", "at most all savings are shared"),
        between("payment_amount", 0, None, "validity", "losses are told apart from payments"),
        not_less(
            "shareable_amount",
            "payment_amount",
            "consistency",
            "no more is paid than there is to share",
        ),
    ]


SUITE = Suite("agg_shared_savings", build)
