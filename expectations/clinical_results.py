"""Plausibility of `clinical_results` deliveries: units and codes that went wrong unnoticed.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

_A1C = "code in ('4548-4', '4549-2', '17856-6')"
_PRESSURE = "code in ('85354-9', '8480-6')"

PROFILE = ProfileDefinition(
    "clinical_results",
    (
        Profiled("a1c_value", f"case when {_A1C} then value end", ("range",)),
        Profiled("systolic_value", f"case when {_PRESSURE} then value end", ("range",)),
        Profiled("diastolic_value", "second_value", ("range",)),
        Profiled("is_cancelled", "result_status = 'cancelled'", ("mean",)),
        Profiled("days_to_delivery", "delivered_on - service_date", ("range",)),
    ),
)


def build() -> Sequence["Expectation"]:
    a1c = "HbA1c in mmol/mol instead of percent exceeds 20"
    pressure = "blood pressure of the living, in mmHg"
    return [
        between("a1c_value__min", 2, None, "validity", a1c, may_be_unjudged=True),
        between("a1c_value__max", None, 20, "validity", a1c, may_be_unjudged=True),
        between("systolic_value__min", 50, None, "validity", pressure, may_be_unjudged=True),
        between("systolic_value__max", None, 300, "validity", pressure, may_be_unjudged=True),
        between("diastolic_value__min", 20, None, "validity", pressure, may_be_unjudged=True),
        between("diastolic_value__max", None, 200, "validity", pressure, may_be_unjudged=True),
        between(
            "is_cancelled__mean",
            None,
            0.2,
            "plausibility",
            "few results are taken back",
            "warning",
        ),
        between(
            "days_to_delivery__min",
            0,
            None,
            "timeliness",
            "nothing is reported before it was measured",
        ),
    ]


SUITE = Suite("clinical_results", build)
