"""Plausibility of the mart `agg_member_month`, before anything in it is hidden.

How cover becomes member months does not belong here (METHODS A.7).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, not_null, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    return [
        unique_together(
            ["month_start_date", "payer", "market_area_id", "product"],
            "uniqueness",
            "each cell of the table is counted once",
        ),
        not_null("product", "completeness", "products decide who is eligible (B.1)"),
        between("members", 1, 5_000_000, "validity", "a cell that is there counts somebody"),
        between("member_months", 0.000001, 5_000_000, "validity", "members have member months"),
        not_less("members", "members_with_rx", "consistency", "those with drug cover are members"),
        not_less("members", "member_months", "consistency", "nobody has two months in one (A.7)"),
    ]


SUITE = Suite("agg_member_month", build)
