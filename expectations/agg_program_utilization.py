"""Plausibility of the mart `agg_program_utilization`, before anything in it is hidden.

How visits and stays are told apart does not belong here (METHODS A.4 to A.6).
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.suites import Suite, between, not_less, unique_together

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation


def build() -> Sequence["Expectation"]:
    from great_expectations.expectations.row_conditions import Column

    large = Column("member_months") >= 1_000
    return [
        unique_together(
            ["program_id", "month_start_date"], "uniqueness", "a program's month is told once"
        ),
        between("member_months", 1, 5_000_000, "completeness", "a panel has members"),
        between("inpatient_stays", 0, None, "validity", "counts are not negative"),
        between("office_visits", 0, None, "validity", "counts are not negative"),
        between(
            "ed_visits_per_1000",
            0,
            2_000,
            "plausibility",
            "commercial members have 150 to 250 ED visits per 1,000 a year",
            only_where=large,
        ),
        between(
            "inpatient_stays_per_1000",
            0,
            1_000,
            "plausibility",
            "commercial members have 40 to 80 stays per 1,000 a year",
            only_where=large,
        ),
        between(
            "allowed_pmpm_amount",
            20,
            10_000,
            "plausibility",
            "commercial members cost 300 to 800 dollars a month",
            "warning",
            only_where=large,
        ),
        not_less(
            "ed_visits_all",
            "ed_visits",
            "consistency",
            "visits that ended at home are part of all visits (A.4)",
        ),
    ]


SUITE = Suite("agg_program_utilization", build)
