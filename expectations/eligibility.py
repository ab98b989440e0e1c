"""Plausibility of `eligibility` deliveries: who is covered, of what age, where.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

PROFILE = ProfileDefinition(
    "eligibility",
    (
        Profiled("age", "year(delivered_on) - year(birth_date)", ("range", "mean")),
        Profiled("is_female", "sex = 'F'", ("mean",)),
        Profiled("is_sex_unknown", "sex = 'U'", ("mean",)),
        Profiled("is_medical", "coverage_type in ('medical', 'medical_rx')", ("mean",)),
        Profiled("starts_late", "coverage_start_date > delivered_on + interval 92 day", ("mean",)),
        Profiled("is_cancelled", "coverage_end_date < coverage_start_date", ("mean",)),
        Profiled("has_died", "death_date is not null", ("mean",)),
        Profiled("state", "state"),
        Profiled("zip_code", "zip_code"),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between(
            "row_count",
            1,
            None,
            "completeness",
            "a delivery without rows changes nothing",
            "warning",
        ),
        between("age__min", 0, None, "validity", "nobody is covered before the year of birth"),
        between("age__max", None, 120, "validity", "birth dates in another century are misread"),
        between("age__mean", 15, 65, "plausibility", "members are employees and their families"),
        between("is_female__mean", 0.25, 0.75, "plausibility", "both sexes are covered"),
        between("is_sex_unknown__mean", 0, 0.05, "completeness", "expected ER use is by sex (H.3)"),
        between("is_medical__mean", 0.5, 1, "plausibility", "medical cover defines member months"),
        between(
            "starts_late__mean", 0, 0.1, "timeliness", "cover is not sold years ahead", "warning"
        ),
        between("is_cancelled__mean", 0, 0.5, "plausibility", "most spans stay", "warning"),
        between("has_died__mean", 0, 0.05, "plausibility", "deaths are rare at these ages"),
        between("state__null_share", 0, 0.05, "completeness", "the market area needs the state"),
        between(
            "zip_code__null_share",
            0,
            0.1,
            "completeness",
            "market areas within a state need the ZIP code",
            "warning",
        ),
    ]


SUITE = Suite("eligibility", build)
