"""Quality and diabetes index, follow-up, experience and access versus market (METHODS H.9).

Relative differences of shares, their intervals from the variance of the logarithm.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import sqrt

import duckdb

from orchestration.outcomes import interval as stats
from orchestration.outcomes.agreements import Agreement
from orchestration.outcomes.er_row import (
    ATTRIBUTED_ELSEWHERE,
    INSUFFICIENT,
    MINIMUM_OBSERVED_VISITS,
)
from orchestration.outcomes.outcome_row import (
    DESCRIBED,
    DIABETES,
    FEATURES,
    FOLLOW_UP,
    QUALITY,
    SHARE,
    OutcomeRow,
    blank_row,
)
from orchestration.outcomes.use import scope_of

FEWEST_RESPONDENTS = 30
DIABETES_MEASURES = ("M05", "M06", "M07", "M08", "M11")
FOLLOW_UP_MEASURE = "M30"


@dataclass(frozen=True)
class ShareCounts:
    """Numerator and denominator, weighted, with the variance of the share; people it counts."""

    share: float
    variance: float
    people: int


def compare_shares(
    agreement: Agreement,
    outcome: str,
    panel: ShareCounts | None,
    market: ShareCounts | None,
    fewest: int = MINIMUM_OBSERVED_VISITS,
) -> OutcomeRow:
    """Relative difference of two shares, its interval from the variance of its logarithm."""
    blank = blank_row(agreement, outcome, ATTRIBUTED_ELSEWHERE, SHARE)
    counts = [side.people if side else 0 for side in (panel, market)]
    blank = replace(blank, panel_count=counts[0], market_count=counts[1])
    if panel is None or market is None or not panel.share or not market.share:
        return replace(blank, insufficient_reasons="not delivered or not measurable")
    ratio = panel.share / market.share
    error = sqrt(panel.variance / panel.share**2 + market.variance / market.share**2)
    found = replace(
        blank, panel_value=panel.share, market_value=market.share, ratio=ratio, verdict=INSUFFICIENT
    )
    if min(counts) < fewest or not error:
        return replace(found, insufficient_reasons=f"fewer than {fewest} people on a side")
    interval = stats.quasi_poisson(ratio, error)
    return replace(
        found,
        verdict=stats.verdict_word(interval),
        interval_lower=interval.lower,
        interval_upper=interval.upper,
        p_value=stats.log_p_value(ratio, error),
    )


def read_indexes(
    warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement]
) -> dict[tuple[str, str, str], ShareCounts]:
    """Quality and diabetes index and follow-up of the last year that ends in the period."""
    years = {one.program_id: one.terms.performance.end_date for one in agreements}
    found = warehouse.execute(
        """
        select
            rates.program_id,
            rates.measure_year,
            case rates.population when 'panel' then 'panel' else 'market' end as side,
            rates.measure_id,
            measures.weight::double,
            case
                when rates.is_higher_better then rates.numerator_count
                else rates.denominator_count - rates.numerator_count
            end as good,
            rates.denominator_count
        from agg_quality_measure as rates
        inner join quality_measure as measures
            on
                rates.measure_id = measures.measure_id
                and rates.measure_version = measures.measure_version
        where
            rates.practice_id is null
            and rates.population in ('panel', 'attributed_elsewhere')
            and rates.is_measurable
            and rates.denominator_count > 0
        order by all
        """
    ).fetchall()
    parts: dict[tuple[str, str, str], list[tuple[float, int, int]]] = defaultdict(list)
    for program, year, side, measure, weight, good, people in found:
        end = years.get(program)
        if end is None or year != (end.year if (end.month, end.day) == (12, 31) else end.year - 1):
            continue
        if measure == FOLLOW_UP_MEASURE:
            parts[program, FOLLOW_UP, side].append((1.0, good, people))
        if weight:
            parts[program, QUALITY, side].append((weight, good, people))
            if measure in DIABETES_MEASURES:
                parts[program, DIABETES, side].append((weight, good, people))
    return {key: _weighted(lines) for key, lines in parts.items()}


def _weighted(lines: Sequence[tuple[float, int, int]]) -> ShareCounts:
    """Σ w·good / Σ w·people with its binomial variance, measures taken as independent."""
    total = sum(weight * people for weight, _, people in lines)
    share = sum(weight * good for weight, good, _ in lines) / total
    variance = sum(
        weight**2 * people * (good / people) * (1 - good / people) for weight, good, people in lines
    )
    return ShareCounts(share, variance / total**2, sum(people for _, _, people in lines))


def read_experience(
    warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement]
) -> dict[tuple[str, str], ShareCounts]:
    """Mean best-answer share of the three composites in the period, weighted by respondents.

    The market is the payer's other surveyed practices.
    """
    warehouse.register("outcome_scope", scope_of(agreements))
    found = warehouse.execute(
        """
        with
        newest as (
            select *
            from stg_ledger__patient_experience
            qualify
                row_number() over (
                    partition by payer, survey_id, practice_id
                    order by delivery_order desc, row_number desc
                ) = 1
        )
        select
            scope.program_id,
            case when practices.program_id = scope.program_id then 'panel' else 'market' end,
            sum(
                surveys.respondents
                * (access_score + communication_score + coordination_score)::double / 3
            ),
            sum(surveys.respondents)::bigint
        from outcome_scope as scope
        inner join newest as surveys
            on
                scope.payer = surveys.payer
                and surveys.survey_date between scope.first_day and scope.last_day
        left join (select distinct practice_id, program_id from int_practice) as practices
            on
                surveys.practice_id = practices.practice_id
                and practices.program_id = scope.program_id
        where surveys.respondents > 0
        group by all
        order by all
        """
    ).fetchall()
    return {
        (program, side): ShareCounts(
            best / people, best / people * (1 - best / people) / people, people
        )
        for program, side, best, people in found
    }


def read_access(
    warehouse: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, date, str], tuple[int, int]]:
    """Attributed members of the year whose practice has each feature, by program and year's end."""
    features = ", ".join(
        f"count(*) filter (where {test})"
        for test in (
            "profiles.has_extended_hours",
            "profiles.has_weekend_telephone",
            "profiles.has_weekend_acute_care",
            "profiles.ehr_since_date <= members.period_end_date",
            "profiles.e_prescribing_since_date <= members.period_end_date",
        )
    )
    found = warehouse.execute(
        f"""
        with
        newest as (
            select *
            from stg_ledger__practice_profile
            qualify
                row_number() over (
                    partition by payer, practice_id, profile_start_date
                    order by delivery_order desc, row_number desc
                ) = 1
        )
        select members.program_id, members.period_end_date, count(*), {features}
        from int_quality_member as members
        inner join int_person as persons on members.person_key = persons.person_key
        inner join newest as profiles
            on
                persons.payer = profiles.payer
                and members.practice_id = profiles.practice_id
                and members.period_end_date
                between profiles.profile_start_date and profiles.profile_end_date
        where members.program_id is not null
        group by all
        order by all
        """
    ).fetchall()
    return {
        (program, end, feature): (count, people)
        for program, end, people, *counts in found
        for feature, count in zip(FEATURES, counts, strict=True)
    }


def described(
    agreement: Agreement, access: Mapping[tuple[str, date, str], tuple[int, int]]
) -> list[OutcomeRow]:
    """Access is described, not compared: nobody tells the features of the market's practices."""
    end = agreement.terms.performance.end_date
    rows = []
    for feature in FEATURES:
        row = blank_row(agreement, feature, ATTRIBUTED_ELSEWHERE, SHARE)
        found = access.get((agreement.program_id, end, feature))
        if found is None or found[1] < MINIMUM_OBSERVED_VISITS:
            rows.append(replace(row, insufficient_reasons="no practice profile was delivered"))
            continue
        value = found[0] / found[1]
        is_telling = 0 < min(found[0], found[1] - found[0]) < MINIMUM_OBSERVED_VISITS
        rows.append(
            replace(
                row,
                verdict=DESCRIBED,
                panel_count=found[1],
                panel_value=None if is_telling else value,
            )
        )
    return rows
