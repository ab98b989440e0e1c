"""Plausibility of `patient_experience` deliveries: scores and respondents of surveys.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "patient_experience",
    (
        Profiled("practice_id", "practice_id", ("distinct",)),
        Profiled("respondents", "respondents", ("range",)),
        Profiled("access_score", "access_score", ("mean",)),
        Profiled("communication_score", "communication_score", ("mean",)),
        Profiled("coordination_score", "coordination_score", ("mean",)),
        Profiled("overall_score", "overall_score", ("mean",)),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between(
            "row_count", 1, None, "completeness", "experience is a mean over practices", "warning"
        ),
        between(
            "practice_id__distinct",
            2,
            None,
            "consistency",
            "one practice in every row is a mapping mistake",
        ),
        between(
            "respondents__max",
            5,
            None,
            "plausibility",
            "a handful of answers is no survey",
            "warning",
        ),
        between(
            "access_score__mean",
            0.1,
            0.999,
            "plausibility",
            "top-box shares lie between",
            "warning",
        ),
        between(
            "communication_score__mean",
            0.1,
            0.999,
            "plausibility",
            "top-box shares lie between",
            "warning",
        ),
        between(
            "coordination_score__mean",
            0.1,
            0.999,
            "plausibility",
            "top-box shares lie between",
            "warning",
        ),
        between(
            "overall_score__mean",
            0.1,
            0.999,
            "plausibility",
            "top-box shares lie between",
            "warning",
        ),
    ]


SUITE = Suite("patient_experience", build)
