"""Use, readmission and avoidable ER visits versus market (METHODS H.8, H.9).

O / E against the same cells as ER use, with quasi-Poisson intervals that carry dispersion and the
market's own error. Cost is compared by the same function (`cost_split.py`); indexes and surveys are
not (`shares.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb
import pyarrow as pa

from orchestration.outcomes import avoidable
from orchestration.outcomes import interval as stats
from orchestration.outcomes.agreements import Agreement
from orchestration.outcomes.avoidable import Weights
from orchestration.outcomes.er_row import (
    ALL_OTHERS,
    ATTRIBUTED_ELSEWHERE,
    INSUFFICIENT,
    MINIMUM_OBSERVED_VISITS,
    PANEL,
)
from orchestration.outcomes.outcome_row import (
    AVOIDABLE,
    ER_ALL,
    IMAGING,
    INPATIENT,
    PER_1000,
    PER_MONTH,
    READMISSION,
    SHARE,
    URGENT_CARE,
    USE,
    OutcomeRow,
    blank_row,
)
from orchestration.outcomes.standardize import (
    MINIMUM_MARKET_VISITS,
    Cell,
    Exposure,
    collapse_cells,
    first_year_of_age,
    standardize,
)


@dataclass(frozen=True)
class Measure:
    """How a number is told: its unit, how many counted units make one, and its scale.

    `told_of_1000` leads from counts per 1,000 member-years, or 12,000 of another exposure, to the
    unit.
    """

    unit: str
    count_unit: int = 1
    told_of_1000: float = 1.0


MEASURES = {
    **dict.fromkeys((ER_ALL, INPATIENT, IMAGING, URGENT_CARE), Measure(PER_1000)),
    AVOIDABLE: Measure(PER_1000, avoidable.UNITS),
    READMISSION: Measure(SHARE, told_of_1000=1 / 12_000),
}
_COST = Measure(PER_MONTH, 100, 1 / 12_000)


@dataclass(frozen=True)
class UseCell:
    """Persons of equal cell and member months in one place: their number, uses and squared uses."""

    cell: Cell
    member_months: int
    persons: int
    uses: int
    squares: int


def compare_use(
    agreement: Agreement,
    outcome: str,
    basis: str,
    panel: Sequence[UseCell],
    market: Sequence[UseCell],
) -> OutcomeRow:
    """O / E of uses a member month (readmissions an index stay), standardised as H.3.

    Numbers may be counted in smaller units than they are told in (`MEASURES`); minimum numbers and
    rates are of what is told.
    """
    measure = MEASURES.get(outcome, _COST)
    exposures = [_exposures(side) for side in (panel, market)]
    groups = collapse_cells(exposures[1], exposures[0], MINIMUM_MARKET_VISITS * measure.count_unit)
    rates = standardize(exposures[0], exposures[1], groups)
    of_market = groups.total(exposures[1])
    rate_of = {
        cell: of_market[number].visits / of_market[number].member_months
        for cell, number in groups.group_of_cell.items()
        if of_market[number].member_months
    }
    dispersions = [
        _dispersion(side, rate_of, len(groups.groups), measure.count_unit)
        for side in (panel, market)
    ]
    observed = rates.observed_visits / measure.count_unit
    expected = None if rates.expected_visits is None else rates.expected_visits / measure.count_unit
    blank = blank_row(agreement, outcome, basis, measure.unit)
    reasons = []
    terms = agreement.terms.er
    if outcome != READMISSION and rates.panel_member_months < 12 * terms.min_py:
        reasons.append(f"fewer than {terms.min_py} member-years")
    if observed < MINIMUM_OBSERVED_VISITS:
        reasons.append(f"fewer than {MINIMUM_OBSERVED_VISITS} observed")
    if expected is None or expected < terms.min_expected:
        reasons.append(f"fewer than {terms.min_expected} expected")
    interval, p_value = None, None
    if rates.sir and dispersions[0] is not None and dispersions[1] is not None:
        error = stats.log_standard_error(
            rates.observed_visits,
            dispersions[0],
            stats.market_variance(rates.expected_by_group, of_market, dispersions[1]),
        )
        interval = stats.quasi_poisson(rates.sir, error)
        p_value = stats.log_p_value(rates.sir, error)
    crude = None
    if rates.crude_market_per_1000 is not None:
        crude = measure.told_of_1000 * rates.crude_market_per_1000 / measure.count_unit
    return replace(
        blank,
        verdict=stats.verdict_word(interval) if interval and not reasons else INSUFFICIENT,
        insufficient_reasons=", ".join(reasons),
        panel_count=int(observed),
        market_count=rates.market_visits // measure.count_unit,
        expected_count=expected,
        panel_value=None if crude is None or rates.sir is None else rates.sir * crude,
        market_value=crude,
        ratio=rates.sir,
        interval_lower=interval.lower if interval else None,
        interval_upper=interval.upper if interval else None,
        # Of what is told: an unit a tenth as large has ten times the dispersion.
        dispersion=None if dispersions[0] is None else dispersions[0] / measure.count_unit,
        p_value=p_value,
    )


def load_events(
    warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement], weights: Weights | None
) -> None:
    """Temporary `outcome_event`: imaging, urgent care, index stays and, where weights tell it, the
    avoidable part of ER visits, placed by the month's belonging.

    `units` is 1 an event, of ER visits their avoidable part in 1/10,000.
    """
    warehouse.register("outcome_scope", scope_of(agreements))
    warehouse.register("avoidable_weight", avoidable.weight_table(warehouse, weights))
    warehouse.execute(
        """
        create or replace temp table outcome_event as
        with
        bounds as (
            select min(first_day) as first_day, max(last_day) as last_day from outcome_scope
        ),
        services as (
            select distinct
                lines.person_key,
                lines.from_date as event_date,
                lines.service_category,
                case when lines.service_category = 12 then lines.hcpcs_code end as hcpcs_code
            from int_claim_line as lines
            cross join bounds
            where
                (
                    lines.service_category = 8
                    or (
                        lines.service_category = 12
                        and coalesce(lines.place_of_service_code, '') not in ('21', '23', '51')
                    )
                )
                and lines.is_counted
                and lines.from_date between bounds.first_day and bounds.last_day
        ),
        imaging as (
            select * from services where service_category = 12
        ),
        outside as (
            select imaging.*
            from imaging
            where
                not exists (
                    select 1
                    from int_ed_visit as visits
                    where
                        visits.person_key = imaging.person_key
                        and imaging.event_date
                        between visits.visit_start_date and visits.visit_end_date
                )
                and not exists (
                    select 1
                    from int_inpatient_stay as stays
                    where
                        stays.person_key = imaging.person_key
                        and imaging.event_date
                        between stays.admission_date
                        and coalesce(stays.discharge_date, stays.admission_date)
                )
        ),
        events as (
            select
                person_key, event_date, 'imaging' as kind, 1 as units, false as is_readmitted
            from outside
            union all
            select person_key, event_date, 'urgent_care', 1, false
            from services
            where service_category = 8
            union all
            select visits.person_key, visits.visit_start_date, 'er_avoidable', weights.units, false
            from int_ed_visit as visits
            inner join avoidable_weight as weights
                on visits.principal_diagnosis_code = weights.code
            cross join bounds
            where
                visits.is_treat_and_release
                and weights.units > 0
                and visits.visit_start_date between bounds.first_day and bounds.last_day
            union all
            select stays.person_key, stays.discharge_date, 'index_stay', 1, stays.is_readmitted
            from int_index_stay as stays
            cross join bounds
            where
                stays.plan_exclusion is null
                and stays.discharge_date between bounds.first_day and bounds.last_day
        )
        select
            events.kind,
            events.person_key,
            events.event_date,
            months.program_id,
            months.market_area_id,
            months.is_attributed_elsewhere,
            sum(events.units)::int as events,
            count(*) filter (where events.is_readmitted)::int as readmitted
        from events
        inner join int_outcome_member_month as months
            on
                events.person_key = months.person_key
                and months.month_number
                = 12 * year(events.event_date) + month(events.event_date) - 1
        where months.member_months = 1
        group by all
        """
    )


def read_use(warehouse: duckdb.DuckDBPyConnection) -> dict[tuple[str, str, str], list[UseCell]]:
    """Uses by program, outcome and side; a person counts once in each place where she was."""
    found = warehouse.execute(
        """
        with
        had as (
            select
                scope.period_id, events.person_key, events.program_id, events.market_area_id,
                events.is_attributed_elsewhere,
                sum(events.events) filter (where events.kind = 'imaging') as imaging,
                sum(events.events) filter (where events.kind = 'urgent_care') as urgent_care,
                sum(events.events) filter (where events.kind = 'er_avoidable') as avoidable
            from outcome_event as events
            inner join (select distinct period_id, first_day, last_day from outcome_scope) as scope
                on events.event_date between scope.first_day and scope.last_day
            where events.kind <> 'index_stay'
            group by all
        ),
        placed as (
            select
                members.*,
                coalesce(had.imaging, 0) as imaging,
                coalesce(had.urgent_care, 0) as urgent_care,
                coalesce(had.avoidable, 0) as avoidable,
                persons.payer
            from int_outcome_member_period as members
            inner join int_person as persons on members.person_key = persons.person_key
            left join had
                on
                    members.period_id = had.period_id
                    and members.person_key = had.person_key
                    and members.program_id is not distinct from had.program_id
                    and members.market_area_id is not distinct from had.market_area_id
                    and members.is_attributed_elsewhere = had.is_attributed_elsewhere
            where members.member_months > 0
        )
        select
            scope.program_id,
            placed.program_id is not distinct from scope.program_id as is_panel,
            placed.is_attributed_elsewhere,
            placed.age_band_er, placed.sex, placed.condition_count, placed.member_months,
            count(*) as persons,
            sum(ed_visits_all)::bigint, sum(ed_visits_all * ed_visits_all)::bigint,
            sum(inpatient_stays)::bigint, sum(inpatient_stays * inpatient_stays)::bigint,
            sum(imaging)::bigint, sum(imaging * imaging)::bigint,
            sum(urgent_care)::bigint, sum(urgent_care * urgent_care)::bigint,
            sum(avoidable)::bigint, sum(avoidable * avoidable)::bigint
        from outcome_scope as scope
        inner join placed
            on
                scope.period_id = placed.period_id
                and scope.payer = placed.payer
                and placed.prior_member_months >= scope.least_months
                and (placed.program_id = scope.program_id or placed.market_area_id = scope.area)
        group by all
        order by all
        """
    ).fetchall()
    use: dict[tuple[str, str, str], list[UseCell]] = defaultdict(list)
    for program, is_panel, elsewhere, band, sex, tier, months, persons, *sums in found:
        cell = Cell(first_year_of_age(band), sex, tier)
        for number, outcome in enumerate(USE):
            uses, squares = sums[2 * number : 2 * number + 2]
            one = UseCell(cell, months, persons, uses, squares)
            for side in sides_of(is_panel, elsewhere):
                use[program, outcome, side].append(one)
    return use


def read_readmissions(
    warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement]
) -> dict[tuple[str, str], list[UseCell]]:
    """Index stays by program and side; a stay is its own exposure, a readmission its use."""
    warehouse.register("outcome_scope", scope_of(agreements))
    found = warehouse.execute(
        """
        select
            scope.program_id,
            events.program_id is not distinct from scope.program_id as is_panel,
            events.is_attributed_elsewhere,
            described.age_band_er, described.sex, described.condition_count,
            sum(events.events)::bigint, sum(events.readmitted)::bigint
        from outcome_event as events
        inner join outcome_scope as scope
            on events.event_date between scope.first_day and scope.last_day
        inner join int_person as persons
            on events.person_key = persons.person_key and persons.payer = scope.payer
        inner join int_outcome_member_period as described
            on
                described.period_id = scope.period_id
                and events.person_key = described.person_key
                and events.program_id is not distinct from described.program_id
                and events.market_area_id is not distinct from described.market_area_id
                and events.is_attributed_elsewhere = described.is_attributed_elsewhere
        where
            events.kind = 'index_stay'
            and (events.program_id = scope.program_id or events.market_area_id = scope.area)
        group by all
        order by all
        """
    ).fetchall()
    stays: dict[tuple[str, str], list[UseCell]] = defaultdict(list)
    for program, is_panel, elsewhere, band, sex, tier, index_stays, readmitted in found:
        # Cells of a tenth of the patients: coarser, by adult age and any condition.
        age = 65 if first_year_of_age(band) >= 65 else 18
        one = UseCell(Cell(age, sex, min(tier, 1)), 1, index_stays, readmitted, readmitted)
        for side in sides_of(is_panel, elsewhere):
            stays[program, side].append(one)
    return stays


def read_unclassified(
    warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement]
) -> dict[str, tuple[int, int]]:
    """By program, the panel's ER visits and their unclassified parts; `load_events` was called."""
    warehouse.register("outcome_scope", scope_of(agreements))
    found = warehouse.execute(
        """
        select
            scope.program_id,
            count(*),
            sum(coalesce(weights.unclassified_units, ?))::bigint
        from int_ed_visit as visits
        inner join outcome_scope as scope
            on visits.visit_start_date between scope.first_day and scope.last_day
        inner join int_outcome_member_month as months
            on
                visits.person_key = months.person_key
                and scope.program_id = months.program_id
                and months.month_number
                = 12 * year(visits.visit_start_date) + month(visits.visit_start_date) - 1
        left join avoidable_weight as weights on visits.principal_diagnosis_code = weights.code
        where visits.is_treat_and_release and months.member_months = 1
        group by all
        """,
        [avoidable.UNITS],
    ).fetchall()
    return {program: (visits, units) for program, visits, units in found}


def sides_of(is_panel: bool, is_elsewhere: bool) -> tuple[str, ...]:
    if is_panel:
        return (PANEL,)
    return (ALL_OTHERS, ATTRIBUTED_ELSEWHERE) if is_elsewhere else (ALL_OTHERS,)


def scope_of(agreements: Sequence[Agreement]) -> pa.Table:
    """Programs with the period, area and rule by which their people are read."""
    return pa.Table.from_pylist(
        [
            {
                "program_id": one.program_id,
                "payer": one.program.payer,
                "area": one.program.facts.market.area_id,
                "period_id": f"{one.terms.performance.start_date}_{one.terms.performance.end_date}",
                "first_day": one.terms.performance.start_date,
                "last_day": one.terms.performance.end_date,
                "least_months": one.terms.attribution.min_mm.outcomes,
            }
            for one in agreements
        ]
    )


def _exposures(side: Iterable[UseCell]) -> dict[Cell, Exposure]:
    found: dict[Cell, Exposure] = defaultdict(lambda: Exposure(0, 0))
    for one in side:
        found[one.cell] += Exposure(one.member_months * one.persons, one.uses)
    return dict(found)


def _dispersion(
    side: Iterable[UseCell], rate_of: Mapping[Cell, float], cells: int, least: int
) -> float | None:
    """Pearson dispersion from sums of uses and their squares, at least that of counts (H.4)."""
    total, persons = 0.0, 0
    for one in side:
        mean = one.member_months * rate_of.get(one.cell, 0.0)
        if mean > 0:
            total += one.squares / mean - 2 * one.uses + one.persons * mean
            persons += one.persons
    return max(float(least), total / (persons - cells)) if persons > cells else None
