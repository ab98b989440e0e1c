"""Plausibility of `member_contact` deliveries: whom one may call, and in which language.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "member_contact",
    (
        Profiled("person_id", "person_id", ("distinct",)),
        Profiled("last_name", "last_name", ("distinct",)),
        Profiled("phone_number", "phone_number", ("distinct",)),
        Profiled("opted_out", "opt_out_date is not null", ("mean",)),
        Profiled("language_code", "language_code"),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between(
            "row_count", 1, None, "completeness", "coordinators cannot call anybody without it"
        ),
        between(
            "person_id__distinct",
            2,
            None,
            "consistency",
            "one member in every row is a mapping mistake",
        ),
        between(
            "last_name__distinct", 2, None, "consistency", "one name in every row is a placeholder"
        ),
        between(
            "phone_number__distinct",
            2,
            None,
            "consistency",
            "one number in every row is a placeholder",
        ),
        between(
            "phone_number__null_share",
            0,
            0.5,
            "completeness",
            "outreach is by telephone",
            "warning",
        ),
        between("opted_out__mean", 0, 0.25, "plausibility", "opt-outs would empty the worklists"),
        between(
            "language_code__null_share",
            0,
            0.9,
            "completeness",
            "an interpreter is booked by language",
            "warning",
        ),
    ]


SUITE = Suite("member_contact", build)
