"""Every expectation suite as a check: its name, the table it judges, and whether it blocks.

Suites themselves do not belong here. Importing this module imports no expectations library.
"""

from functools import partial

from expectations import (
    agg_attribution,
    agg_er_use_versus_market,
    agg_member_month,
    agg_program_utilization,
    agg_shared_savings,
    dim_program,
    eligibility,
    medical_claims,
    pharmacy_claims,
    provider_roster,
    reported_quality,
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
)
MART_SUITES: tuple[Suite, ...] = (
    dim_program.SUITE,
    agg_attribution.SUITE,
    agg_member_month.SUITE,
    agg_program_utilization.SUITE,
)
OUTCOME_SUITES: tuple[Suite, ...] = (agg_er_use_versus_market.SUITE, agg_shared_savings.SUITE)

_ABSENT_IS_JUDGED_LATER = frozenset({"reported_quality"})
"""Feeds that may be absent: the settlement then says REPORTING_FAILED (METHODS I.4)."""


def judge_feed(settings: Settings, definition: ProfileDefinition, suite: Suite) -> CheckOutcome:
    """Judge the profiles of a feed's selected deliveries; a feed without any row is an error.

    Whether one delivery may be empty is said by the feed's contract and settled at intake.
    """
    profile = profile_feed(settings, definition)
    if profile.empty and definition.feed in _ABSENT_IS_JUDGED_LATER:
        return CheckOutcome("pass", {"rows": 0}, (), (f"{definition.feed}: nothing delivered.",))
    frame = one_row_a_delivery(profile)
    if not frame["row_count"].any():
        return CheckOutcome("error", {"rows": 0}, (f"{definition.feed}: no row was delivered.",))
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
