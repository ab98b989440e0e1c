"""Plausibility of `medical_claims` deliveries: amounts, mix of services, lag, who is billed for.

Types, required columns and code lists are the contract's; they do not belong here.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from expectations.profiles import Profiled, ProfileDefinition
from expectations.suites import Suite, between

if TYPE_CHECKING:
    from great_expectations.expectations.expectation import Expectation

_ED = (
    "revenue_code in ('0450','0451','0452','0459','0981') or hcpcs_code between '99281' and '99285'"
)

PROFILE = ProfileDefinition(
    "medical_claims",
    (
        Profiled("person_id", "person_id", ("distinct",)),
        Profiled("allowed_amount", "allowed_amount", ("mean",)),
        Profiled("is_paid_above_allowed", "abs(paid_amount) > abs(allowed_amount) + 1", ("mean",)),
        Profiled("is_denied", "claim_status = 'denied'", ("mean",)),
        Profiled("is_reversed", "claim_status = 'reversed'", ("mean",)),
        Profiled("is_institutional", "claim_type = 'I'", ("mean",)),
        Profiled("is_ed_evidence", f"coalesce({_ED}, false)", ("mean",)),
        Profiled(
            "is_office_visit",
            "coalesce(hcpcs_code between '99202' and '99215', false)",
            ("mean",),
        ),
        Profiled("is_paid_in_period", "strftime(paid_date, '%Y-%m') = period", ("mean",)),
        Profiled("paid_lag_days", "paid_date - thru_date", ("mean",)),
        Profiled("line_number", "line_number", ("mean",)),
        Profiled("diagnosis_code_1", "diagnosis_code_1"),
        Profiled(
            "office_visit_npi",
            "case when hcpcs_code between '99202' and '99215' then rendering_npi is not null end",
            ("mean",),
        ),
        Profiled("billing_tin", "billing_tin"),
    ),
)


def build() -> Sequence["Expectation"]:
    return [
        between(
            "row_count",
            1,
            None,
            "completeness",
            "a month without claims was not extracted",
            "warning",
        ),
        between("person_id__distinct", 2, None, "plausibility", "claims of one person are a test"),
        between(
            "allowed_amount__mean",
            20,
            5_000,
            "plausibility",
            "cents read as dollars, or the reverse, are off by a hundred",
        ),
        between(
            "is_paid_above_allowed__mean", 0, 0.02, "consistency", "a plan pays what it allows"
        ),
        between("is_denied__mean", 0, 0.35, "plausibility", "most claims are paid"),
        between("is_reversed__mean", 0, 0.2, "plausibility", "most claims are right at first"),
        between(
            "is_institutional__mean", 0.01, 0.8, "completeness", "both claim types are delivered"
        ),
        between(
            "is_ed_evidence__mean",
            0.0005,
            0.2,
            "completeness",
            "ER use is computed from revenue and visit codes (A.4)",
        ),
        between(
            "is_office_visit__mean",
            0.02,
            0.9,
            "completeness",
            "attribution counts office visits (B.2)",
        ),
        between(
            "is_paid_in_period__mean",
            0.98,
            1,
            "timeliness",
            "a file holds what was paid in the month it is named for",
        ),
        between("paid_lag_days__mean", 1, 180, "timeliness", "payment follows service", "warning"),
        between("line_number__mean", 1, 20, "validity", "claims have a few lines each"),
        between(
            "diagnosis_code_1__null_share",
            0,
            0.05,
            "completeness",
            "conditions and visits are classified by diagnosis",
        ),
        between(
            "office_visit_npi__mean",
            0.9,
            1,
            "completeness",
            "visits without a clinician attribute nobody",
        ),
        between(
            "billing_tin__null_share", 0, 0.05, "completeness", "groups are known by tax number"
        ),
    ]


SUITE = Suite("medical_claims", build)
