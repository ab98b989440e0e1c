"""Plausibility of `payer_risk_score` deliveries: whose scores, around which mean, how old.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "payer_risk_score",
    (
        Profiled("person_id", "person_id", ("distinct",)),
        Profiled("model_name", "model_name", ("distinct",)),
        Profiled("risk_score", "risk_score", ("distinct", "mean")),
        Profiled("days_before_delivery", "delivered_on - scored_on", ("range",)),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between(
            "row_count", 1, None, "completeness", "a delivery without scores is none", "warning"
        ),
        between(
            "person_id__distinct",
            2,
            None,
            "consistency",
            "one member in every row is a mapping mistake",
        ),
        between(
            "model_name__distinct",
            1,
            1,
            "consistency",
            "scores of two models are not compared",
        ),
        between(
            "risk_score__distinct",
            2,
            None,
            "consistency",
            "one score for all says nothing",
        ),
        between(
            "risk_score__mean",
            0.2,
            5,
            "plausibility",
            "scores are relative to 1; others are in another unit",
            "warning",
        ),
        between(
            "days_before_delivery__min",
            0,
            None,
            "timeliness",
            "a score is delivered after it was made",
        ),
    ]


SUITE = Suite("payer_risk_score", build)
