"""Plausibility of `provider_roster` deliveries: roles, specialties, spans of days.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "provider_roster",
    (
        Profiled("npi", "npi", ("distinct",)),
        Profiled("pcp", "case when role = 'pcp' then 1 else 0 end", ("range",)),
        Profiled("ends_in_order", "(roster_end_date >= roster_start_date)::int", ("range",)),
        Profiled("is_open", "(roster_end_date > delivered_on)::int", ("range",)),
        Profiled("starts_late", "(roster_start_date > delivered_on + interval 366 day)", ("mean",)),
        Profiled("specialty_code", "specialty_code"),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between("row_count", 1, None, "completeness", "an empty roster would empty the panel"),
        between("npi__distinct", 2, None, "plausibility", "one clinician is not a group"),
        between("pcp__max", 1, None, "completeness", "members are attributed to PCPs first (B.3)"),
        between(
            "ends_in_order__min", 1, None, "validity", "a span ends after it starts", "warning"
        ),
        between("is_open__max", 1, None, "timeliness", "somebody practises on the day of delivery"),
        between("starts_late__mean", 0, 0.05, "timeliness", "rosters tell today", "warning"),
        between(
            "specialty_code__null_share",
            0,
            0.5,
            "completeness",
            "the tier of a visit follows the specialty",
            "warning",
        ),
    ]


SUITE = Suite("provider_roster", build)
