"""Every expectation suite as a check: its name, the table it judges, and whether it blocks.

Suites themselves do not belong here. Importing this module imports no expectations library.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal

from expectations import (
    adt_events,
    agg_access_experience,
    agg_adt_coverage,
    agg_attribution,
    agg_care_activity,
    agg_care_guide,
    agg_change_detail,
    agg_change_versus_market,
    agg_coordinator_effect,
    agg_er_use_versus_market,
    agg_member_month,
    agg_outcome_versus_market,
    agg_program_utilization,
    agg_quality_measure,
    agg_reject,
    agg_shared_savings,
    agg_support_program,
    care_log,
    clinical_results,
    dim_program,
    eligibility,
    fct_delivery,
    medical_claims,
    member_contact,
    patient_experience,
    payer_gap_report,
    payer_risk_score,
    pharmacy_claims,
    practice_profile,
    provider_roster,
    reported_quality,
    support_program_enrollment,
)
from expectations.profiles import ProfileDefinition, one_row_a_delivery, profile_feed
from expectations.restricted import RESTRICTED_SUITES
from expectations.suites import Suite, validate
from expectations.tables import MartProfile, judge_mart, judge_outcome, judge_profile
from expectations.verdicts import keep_verdicts
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
    (payer_risk_score.PROFILE, payer_risk_score.SUITE),
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
    agg_access_experience.SUITE,
    agg_adt_coverage.SUITE,
    agg_care_activity.SUITE,
    agg_care_guide.SUITE,
    agg_coordinator_effect.SUITE,
    agg_support_program.SUITE,
)
OUTCOME_SUITES: tuple[Suite, ...] = (
    agg_change_detail.SUITE,
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
        "payer_risk_score",
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


def _check(
    suite: Suite,
    layer: Literal["ledger", "mart", "outcome"],
    description: str,
    judge: Callable[[Settings], CheckOutcome],
) -> RegisteredCheck:
    return RegisteredCheck(
        f"expectations_{suite.table}",
        suite.table,
        layer,
        True,
        description,
        partial(_judged_and_kept, table=suite.table, layer=layer, judge=judge),
    )


def _judged_and_kept(
    settings: Settings, table: str, layer: str, judge: Callable[[Settings], CheckOutcome]
) -> CheckOutcome:
    """Judge, and keep what each expectation said for the report of the generation."""
    outcome = judge(settings)
    keep_verdicts(settings, table, layer, outcome)
    return outcome


def _feed_check(definition: ProfileDefinition, suite: Suite) -> RegisteredCheck:
    return _check(
        suite,
        "ledger",
        f"Profiles of {suite.table} deliveries are plausible: amounts, mix, lag, missing values.",
        partial(judge_feed, definition=definition, suite=suite),
    )


def _restricted_check(profile: MartProfile, suite: Suite) -> RegisteredCheck:
    return _check(
        suite,
        "mart",
        f"What is said of {suite.table} as a whole is plausible; its rows are identified.",
        partial(judge_profile, profile=profile, suite=suite),
    )


EXPECTATION_CHECKS: tuple[RegisteredCheck, ...] = (
    *(_feed_check(definition, suite) for definition, suite in FEED_SUITES),
    *(
        _check(
            suite,
            "mart",
            f"Values of {suite.table} are plausible.",
            partial(judge_mart, suite=suite),
        )
        for suite in MART_SUITES
    ),
    *(_restricted_check(profile, suite) for profile, suite in RESTRICTED_SUITES),
    *(
        _check(
            suite,
            "outcome",
            f"Values of {suite.table} are plausible.",
            partial(judge_outcome, suite=suite),
        )
        for suite in OUTCOME_SUITES
    ),
)
