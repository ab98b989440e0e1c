"""Plausibility of `adt_events` deliveries: which events, of whom, how soon.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "adt_events",
    (
        Profiled("is_discharge", "event_type = 'A03'", ("mean",)),
        Profiled("is_admission", "event_type in ('A01', 'A04')", ("mean",)),
        Profiled("is_cancelled", "event_type in ('A11', 'A12', 'A13')", ("mean",)),
        Profiled("told_after_hours", "date_diff('minute', event_at, message_at) / 60", ("mean",)),
        Profiled("days_before_delivery", "delivered_on - event_at::date", ("range",)),
        Profiled("visit_number", "visit_number", ("distinct",)),
        Profiled("person_id", "person_id"),
        Profiled("last_name", "last_name"),
        Profiled("birth_date", "birth_date"),
        Profiled("facility_npi", "facility_npi"),
        Profiled("diagnosis_code", "diagnosis_code"),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between(
            "row_count", 1, None, "completeness", "a file of messages holds at least one", "warning"
        ),
        between(
            "is_discharge__mean",
            0.05,
            0.7,
            "plausibility",
            "the discharge list lives on A03 messages (F.4)",
        ),
        between("is_admission__mean", 0.05, 0.9, "plausibility", "who leaves has come before"),
        between("is_cancelled__mean", 0, 0.25, "plausibility", "cancellations are rare", "warning"),
        between(
            "told_after_hours__mean",
            -1,
            72,
            "timeliness",
            "a list of yesterday's discharges needs them today",
            "warning",
        ),
        between(
            "days_before_delivery__min", 0, None, "timeliness", "nobody tells what has not happened"
        ),
        between(
            "days_before_delivery__max",
            None,
            400,
            "timeliness",
            "old events in a new file were sent again",
            "warning",
        ),
        between(
            "visit_number__distinct",
            2,
            None,
            "consistency",
            "encounters are built by visit number (F.4)",
        ),
        between(
            "person_id__null_share",
            0,
            0.6,
            "completeness",
            "without it people are matched by name",
            "warning",
        ),
        between(
            "last_name__null_share",
            0,
            0.2,
            "completeness",
            "matching needs name and birth date (F.4)",
        ),
        between(
            "birth_date__null_share",
            0,
            0.2,
            "completeness",
            "matching needs name and birth date (F.4)",
        ),
        between(
            "facility_npi__null_share",
            0,
            0.5,
            "completeness",
            "claims know a hospital by its NPI",
            "warning",
        ),
        between(
            "diagnosis_code__null_share",
            0,
            0.9,
            "completeness",
            "LACE and the list name the diagnosis",
            "warning",
        ),
    ]


SUITE = Suite("adt_events", build)
