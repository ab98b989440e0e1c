"""Plausibility of the outcome `agg_er_use_versus_market`, before anything in it is hidden.

How the numbers are computed does not belong here; a suite says what they can hardly be.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, not_null, one_of, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    from great_expectations.expectations.row_conditions import Column

    stated = Column("verdict") != "insufficient"
    return [
        unique_together(
            ["reporting_unit_id", "period_role", "market_basis"],
            "uniqueness",
            "a unit has one result a period and basis",
        ),
        one_of("period_role", ["baseline", "performance"], "validity", "H.5 compares these two"),
        one_of(
            "market_basis",
            ["all_others", "attributed_elsewhere"],
            "validity",
            "H.2 knows these two markets",
        ),
        one_of(
            "verdict",
            ["lower", "similar", "higher", "insufficient"],
            "validity",
            "the words are decided by the interval alone (H.7)",
        ),
        not_null("sentence", "completeness", "every result can be read aloud (H.7)"),
        between("panel_member_months", 1, None, "completeness", "a unit has members"),
        between("market_member_months", 1, None, "completeness", "a market has members"),
        between(
            "sir",
            0.3,
            3,
            "plausibility",
            "a panel at a third or three times its market is an error of data",
            only_where=stated,
        ),
        between(
            "crude_market_per_1000",
            40,
            800,
            "plausibility",
            "commercial members have 150 to 250 ED visits per 1,000 a year",
            only_where=stated,
        ),
        between(
            "crude_panel_per_1000",
            20,
            1_500,
            "plausibility",
            "commercial members have 150 to 250 ED visits per 1,000 a year",
            only_where=stated,
        ),
        between(
            "dispersion_market",
            0.5,
            20,
            "plausibility",
            "ED visits are somewhat overdispersed; more says that visits were counted twice",
            "warning",
            only_where=stated,
        ),
        between(
            "p_value", 0, 1, "validity", "probabilities are shares of one", may_be_unjudged=True
        ),
        not_less(
            "bootstrap_upper",
            "bootstrap_lower",
            "consistency",
            "an interval has two ends in order",
            may_be_unjudged=True,
        ),
        not_less(
            "quasi_upper",
            "quasi_lower",
            "consistency",
            "an interval has two ends in order",
            may_be_unjudged=True,
        ),
    ]


SUITE = Suite("agg_er_use_versus_market", build)
