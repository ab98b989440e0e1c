"""Every expectation suite as a check: its name, the table it judges, and whether it blocks.

Suites themselves do not belong here. Importing this module imports no expectations library.
"""

from functools import partial

from expectations import (
    adt_events,
    agg_attribution,
    agg_change_versus_market,
    agg_er_use_versus_market,
    agg_member_month,
    agg_outcome_versus_market,
    agg_program_utilization,
    agg_quality_measure,
    agg_reject,
    agg_shared_savings,
    care_log,
    clinical_results,
    dim_program,
    eligibility,
    fct_delivery,
    medical_claims,
    member_contact,
    patient_experience,
    payer_gap_report,
    pharmacy_claims,
    practice_profile,
    provider_roster,
    reported_quality,
    support_program_enrollment,
)
from expectations.profiles import ProfileDefinition, one_row_a_delivery, profile_feed
from expectations.suites import Suite, validate
from expectations.tables import judge_mart, judge_outcome
from orchestration.checks import CheckOutcome, RegisteredCheck
from orchestration.settings import Settings

FEED_SUITES: tuple[tuple[ProfileDefinition, Suite], ...] = (
    (eligibility.PROFILE, eligibility.SUITE),
    (medical_claims.PROFILE, medical_claims.SUITE),
    (pharmacy_claims.PROFILE, pharmacy_claims.SUITE),
    (provider_roster.PROFILE, provider_roster.SUITE),
    (reported_quality.PROFILE, reported_quality.SUITE),
    (adt_events.PROFILE, adt_events.SUITE),
    (care_log.PROFILE, care_log.SUITE),
    (member_contact.PROFILE, member_contact.SUITE),
    (patient_experience.PROFILE, patient_experience.SUITE),
    (payer_gap_report.PROFILE, payer_gap_report.SUITE),
    (practice_profile.PROFILE, practice_profile.SUITE),
    (support_program_enrollment.PROFILE, support_program_enrollment.SUITE),
    (clinical_results.PROFILE, clinical_results.SUITE),
)
MART_SUITES: tuple[Suite, ...] = (
    dim_program.SUITE,
    agg_attribution.SUITE,
    agg_member_month.SUITE,
    agg_program_utilization.SUITE,
    agg_quality_measure.SUITE,
    fct_delivery.SUITE,
    agg_reject.SUITE,
)
OUTCOME_SUITES: tuple[Suite, ...] = (
    agg_change_versus_market.SUITE,
    agg_er_use_versus_market.SUITE,
    agg_outcome_versus_market.SUITE,
    agg_shared_savings.SUITE,
)

_OPTIONAL = frozenset(
    {
        "reported_quality",
        "adt_events",
        "care_log",
        "clinical_results",
        "member_contact",
        "patient_experience",
        "payer_gap_report",
        "practice_profile",
        "support_program_enrollment",
    }
)
"""Feeds that may be absent. Without reported quality the settlement says REPORTING_FAILED (METHODS
I.4), and without results a measure that needs them says so; without the others worklists and
outcomes know less, and everything else is as it was."""


def judge_feed(settings: Settings, definition: ProfileDefinition, suite: Suite) -> CheckOutcome:
    """Judge the profiles of a feed's selected deliveries.

    A feed without any row is an error, unless it is one that may be absent.

    Whether one delivery may be empty is said by the feed's contract and settled at intake.
    """
    frame = one_row_a_delivery(profile_feed(settings, definition))
    if not frame["row_count"].any():
        told = (f"{definition.feed}: no row was delivered.",)
        if definition.feed in _OPTIONAL:
            return CheckOutcome("pass", {"rows": 0}, (), told)
        return CheckOutcome("error", {"rows": 0}, told)
    return validate(suite, frame)


def _feed_check(definition: ProfileDefinition, suite: Suite) -> RegisteredCheck:
    return RegisteredCheck(
        f"expectations_{suite.table}",
        suite.table,
        "ledger",
        True,
        f"Profiles of {suite.table} deliveries are plausible: amounts, mix, lag, missing values.",
        partial(judge_feed, definition=definition, suite=suite),
    )


EXPECTATION_CHECKS: tuple[RegisteredCheck, ...] = (
    *(_feed_check(definition, suite) for definition, suite in FEED_SUITES),
    *(
        RegisteredCheck(
            f"expectations_{suite.table}",
            suite.table,
            "mart",
            True,
            f"Values of {suite.table} are plausible.",
            partial(judge_mart, suite=suite),
        )
        for suite in MART_SUITES
    ),
    *(
        RegisteredCheck(
            f"expectations_{suite.table}",
            suite.table,
            "outcome",
            True,
            f"Values of {suite.table} are plausible.",
            partial(judge_outcome, suite=suite),
        )
        for suite in OUTCOME_SUITES
    ),
)
