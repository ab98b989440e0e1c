"""Plausibility of `care_log` deliveries: what was done, how recently, with what outcome.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "care_log",
    (
        Profiled("person_id", "person_id", ("distinct",)),
        Profiled("is_outreach", "activity = 'outreach'", ("mean",)),
        Profiled("is_reached", "outcome in ('reached', 'completed', 'reported_done')", ("mean",)),
        Profiled("days_before_delivery", "delivered_on - activity_date", ("range",)),
        Profiled("outcome", "outcome"),
        Profiled("task", "task"),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between(
            "row_count", 1, None, "completeness", "a log without entries closes nothing", "warning"
        ),
        between(
            "person_id__distinct",
            2,
            None,
            "consistency",
            "one member in every row is a mapping mistake",
        ),
        between(
            "is_outreach__mean", 0.01, None, "plausibility", "coordinators call people", "warning"
        ),
        between(
            "is_reached__mean", 0.05, None, "plausibility", "some calls are answered", "warning"
        ),
        between(
            "days_before_delivery__min",
            0,
            None,
            "timeliness",
            "nothing is logged before it is done",
        ),
        between(
            "days_before_delivery__max",
            None,
            400,
            "timeliness",
            "a log tells of the last months",
            "warning",
        ),
        between(
            "outcome__null_share", 0, 0.8, "completeness", "tasks are closed by outcomes", "warning"
        ),
        between(
            "task__null_share",
            0,
            0.9,
            "completeness",
            "a contact without a task snoozes none",
            "warning",
        ),
    ]


SUITE = Suite("care_log", build)
