"""The other outcomes versus market beside ER use (METHODS H.9).

Counts of use and readmission are O / E against the same cells as ER use, with quasi-Poisson
intervals that carry dispersion and the market's own error; indexes and survey shares are relative
differences. One row per program, outcome and market basis. ER use itself is `er_use.py`.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from math import sqrt
from pathlib import Path

import duckdb
import pyarrow as pa

from orchestration.outcomes import interval as stats
from orchestration.outcomes.agreements import Agreement, RunInputs
from orchestration.outcomes.er_use import (
    ALL_OTHERS,
    ATTRIBUTED_ELSEWHERE,
    INSUFFICIENT,
    MINIMUM_OBSERVED_VISITS,
)
from orchestration.outcomes.standardize import (
    Cell,
    Exposure,
    collapse_cells,
    first_year_of_age,
    standardize,
)
from orchestration.outcomes.tables import table_of, write_table

FILE_NAME = "agg_outcome_versus_market.parquet"
ER_ALL, INPATIENT, IMAGING, READMISSION = "er_all", "inpatient", "imaging", "readmission"
USE = (ER_ALL, INPATIENT, IMAGING)
FOLLOW_UP, QUALITY, DIABETES, EXPERIENCE = "follow_up", "quality", "diabetes", "experience"
DESCRIBED = "described"
FEWEST_RESPONDENTS = 30
DIABETES_MEASURES = ("M05", "M06", "M07", "M08", "M11")
FOLLOW_UP_MEASURE = "M30"
FEATURES = {
    "extended_hours": "Members whose practice has extended daily hours",
    "weekend_telephone": "Members whose practice is on the telephone at weekends",
    "weekend_acute_care": "Members whose practice treats acute illness at weekends",
    "ehr": "Members whose practice has electronic records",
    "e_prescribing": "Members whose practice prescribes electronically",
}
NAMES = {
    ER_ALL: "ER visits, admitted ones included",
    INPATIENT: "Inpatient admissions",
    IMAGING: "Advanced imaging",
    READMISSION: "Readmissions within 30 days",
    FOLLOW_UP: "Follow-up after discharge",
    QUALITY: "Quality index",
    DIABETES: "Diabetes index",
    EXPERIENCE: "Patient experience, best answers",
}
PER_1000, SHARE = "per 1,000 member-years", "share"


@dataclass(frozen=True)
class OutcomeRow:
    """One program, outcome and market basis; the columns of `agg_outcome_versus_market`.

    Values are rates or shares as `unit` says; `ratio` is the panel's over the market's, for use and
    readmission observed over expected (and then `panel_value` is ratio × market value).
    """

    program_id: str
    outcome: str
    market_basis: str
    outcome_name: str
    unit: str
    period_start_date: date
    period_end_date: date
    is_inference: bool
    verdict: str
    insufficient_reasons: str
    panel_count: int
    market_count: int
    expected_count: float | None
    panel_value: float | None
    market_value: float | None
    ratio: float | None
    interval_lower: float | None
    interval_upper: float | None
    dispersion: float | None
    p_value: float | None
    q_value: float | None


@dataclass(frozen=True)
class UseCell:
    """Persons of equal cell and member months in one place: their number, uses and squared uses."""

    cell: Cell
    member_months: int
    persons: int
    uses: int
    squares: int


@dataclass(frozen=True)
class ShareCounts:
    """Numerator and denominator, weighted, with the variance of the share; people it counts."""

    share: float
    variance: float
    people: int


def outcomes_from_warehouse(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs
) -> list[OutcomeRow]:
    """Every outcome of every program that the warehouse can state, ordered by key."""
    rows: list[OutcomeRow] = []
    use = _read_use(warehouse, inputs.agreements)
    readmissions = _read_readmissions(warehouse, inputs.agreements)
    shares = _read_indexes(warehouse, inputs.agreements)
    experience = _read_experience(warehouse, inputs.agreements)
    access = _read_access(warehouse)
    for agreement in sorted(inputs.agreements, key=lambda one: one.program_id):
        of_program: list[OutcomeRow] = []
        program_id = agreement.program_id
        for basis in (ALL_OTHERS, ATTRIBUTED_ELSEWHERE):
            for outcome in USE:
                panel = use.get((program_id, outcome, "panel"), [])
                market = use.get((program_id, outcome, basis), [])
                of_program.append(compare_use(agreement, outcome, basis, panel, market))
            of_program.append(
                compare_use(
                    agreement,
                    READMISSION,
                    basis,
                    readmissions.get((program_id, "panel"), []),
                    readmissions.get((program_id, basis), []),
                )
            )
        for outcome in (FOLLOW_UP, QUALITY, DIABETES):
            panel_share = shares.get((program_id, outcome, "panel"))
            market_share = shares.get((program_id, outcome, "market"))
            of_program.append(compare_shares(agreement, outcome, panel_share, market_share))
        of_program.append(
            compare_shares(
                agreement,
                EXPERIENCE,
                experience.get((program_id, "panel")),
                experience.get((program_id, "market")),
                FEWEST_RESPONDENTS,
            )
        )
        of_program.extend(_described(agreement, access))
        rows.extend(_with_false_discovery_rates(of_program))
    return sorted(rows, key=lambda row: (row.program_id, row.outcome, row.market_basis))


def compare_use(
    agreement: Agreement,
    outcome: str,
    basis: str,
    panel: Sequence[UseCell],
    market: Sequence[UseCell],
) -> OutcomeRow:
    """O / E of uses a member month (readmissions an index stay), standardised as H.3."""
    exposures = [_exposures(side) for side in (panel, market)]
    groups = collapse_cells(exposures[1], exposures[0])
    rates = standardize(exposures[0], exposures[1], groups)
    of_market = groups.total(exposures[1])
    rate_of = {
        cell: of_market[number].visits / of_market[number].member_months
        for cell, number in groups.group_of_cell.items()
        if of_market[number].member_months
    }
    dispersions = [_dispersion(side, rate_of, len(groups.groups)) for side in (panel, market)]
    unit = SHARE if outcome == READMISSION else PER_1000
    scale = 1 / 12_000 if outcome == READMISSION else 1.0
    blank = _row(agreement, outcome, basis, unit)
    reasons = []
    terms = agreement.terms.er
    if outcome != READMISSION and rates.panel_member_months < 12 * terms.min_py:
        reasons.append(f"fewer than {terms.min_py} member-years")
    if rates.observed_visits < MINIMUM_OBSERVED_VISITS:
        reasons.append(f"fewer than {MINIMUM_OBSERVED_VISITS} observed")
    if rates.expected_visits is None or rates.expected_visits < terms.min_expected:
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
    crude = rates.crude_market_per_1000
    return replace(
        blank,
        verdict=stats.verdict_word(interval) if interval and not reasons else INSUFFICIENT,
        insufficient_reasons=", ".join(reasons),
        panel_count=rates.observed_visits,
        market_count=rates.market_visits,
        expected_count=rates.expected_visits,
        panel_value=None if crude is None or rates.sir is None else scale * rates.sir * crude,
        market_value=None if crude is None else scale * crude,
        ratio=rates.sir,
        interval_lower=interval.lower if interval else None,
        interval_upper=interval.upper if interval else None,
        dispersion=dispersions[0],
        p_value=p_value,
    )


def compare_shares(
    agreement: Agreement,
    outcome: str,
    panel: ShareCounts | None,
    market: ShareCounts | None,
    fewest: int = MINIMUM_OBSERVED_VISITS,
) -> OutcomeRow:
    """Relative difference of two shares, its interval from the variance of its logarithm."""
    blank = _row(agreement, outcome, ATTRIBUTED_ELSEWHERE, SHARE)
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


def outcome_table(rows: Sequence[OutcomeRow]) -> pa.Table:
    """The rows as the published Arrow table."""
    plain: dict[object, pa.DataType] = {
        str: pa.string(),
        int: pa.int64(),
        bool: pa.bool_(),
        date: pa.date32(),
        float | None: pa.float64(),
    }
    types = {name: plain[kind] for name, kind in OutcomeRow.__annotations__.items()}
    return table_of(rows, OutcomeRow, types)


def write_outcomes(rows: Sequence[OutcomeRow], outcomes_dir: Path) -> Path:
    """Write `agg_outcome_versus_market.parquet`; equal rows give equal bytes."""
    file = outcomes_dir / FILE_NAME
    write_table(outcome_table(rows), file)
    return file


def markdown_table(rows: Sequence[OutcomeRow]) -> str:
    """One line a program and outcome on the basis for inference."""
    lines = [
        "| program | outcome | against market | 95 % CI | verdict |",
        "|---|---|---:|---:|---|",
    ]
    for row in rows:
        if row.is_inference and row.verdict not in (INSUFFICIENT, DESCRIBED):
            percents = [
                f"{100 * (value - 1):+.1f} %"
                for value in (row.ratio, row.interval_lower, row.interval_upper)
                if value is not None
            ]
            lines.append(
                f"| {row.program_id} | {row.outcome_name} | {percents[0]} "
                f"| {' to '.join(percents[1:])} | {row.verdict} |"
            )
    return "\n".join(lines)


def _row(agreement: Agreement, outcome: str, basis: str, unit: str) -> OutcomeRow:
    period = agreement.terms.performance
    return OutcomeRow(
        program_id=agreement.program_id,
        outcome=outcome,
        market_basis=basis,
        outcome_name=NAMES.get(outcome) or FEATURES[outcome],
        unit=unit,
        period_start_date=period.start_date,
        period_end_date=period.end_date,
        is_inference=basis == agreement.terms.er.inference_basis,
        verdict=INSUFFICIENT,
        insufficient_reasons="",
        panel_count=0,
        market_count=0,
        expected_count=None,
        panel_value=None,
        market_value=None,
        ratio=None,
        interval_lower=None,
        interval_upper=None,
        dispersion=None,
        p_value=None,
        q_value=None,
    )


def _exposures(side: Iterable[UseCell]) -> dict[Cell, Exposure]:
    found: dict[Cell, Exposure] = defaultdict(lambda: Exposure(0, 0))
    for one in side:
        found[one.cell] += Exposure(one.member_months * one.persons, one.uses)
    return dict(found)


def _dispersion(side: Iterable[UseCell], rate_of: Mapping[Cell, float], cells: int) -> float | None:
    """Pearson dispersion from sums of uses and their squares, at least 1 (H.4)."""
    total, persons = 0.0, 0
    for one in side:
        mean = one.member_months * rate_of.get(one.cell, 0.0)
        if mean > 0:
            total += one.squares / mean - 2 * one.uses + one.persons * mean
            persons += one.persons
    return max(1.0, total / (persons - cells)) if persons > cells else None


def _scope(agreements: Sequence[Agreement]) -> pa.Table:
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


def _load_places(warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement]) -> None:
    """Temporary `outcome_event`: imaging and index stays, placed by the month's belonging."""
    warehouse.register("outcome_scope", _scope(agreements))
    warehouse.execute(
        """
        create or replace temp table outcome_event as
        with
        bounds as (
            select min(first_day) as first_day, max(last_day) as last_day from outcome_scope
        ),
        imaging as (
            select distinct lines.person_key, lines.from_date as event_date, lines.hcpcs_code
            from int_claim_line as lines
            cross join bounds
            where
                lines.service_category = 12
                and lines.is_counted
                and lines.from_date between bounds.first_day and bounds.last_day
                and coalesce(lines.place_of_service_code, '') not in ('21', '23', '51')
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
            select person_key, event_date, 'imaging' as kind, false as is_readmitted from outside
            union all
            select stays.person_key, stays.discharge_date, 'index_stay', stays.is_readmitted
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
            count(*)::int as events,
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


def _read_use(
    warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement]
) -> dict[tuple[str, str, str], list[UseCell]]:
    """Uses by program, outcome and side; a person counts once in each place where she was."""
    _load_places(warehouse, agreements)
    found = warehouse.execute(
        """
        with
        imaged as (
            select
                scope.period_id, events.person_key, events.program_id, events.market_area_id,
                events.is_attributed_elsewhere, sum(events.events) as uses
            from outcome_event as events
            inner join (select distinct period_id, first_day, last_day from outcome_scope) as scope
                on events.event_date between scope.first_day and scope.last_day
            where events.kind = 'imaging'
            group by all
        ),
        placed as (
            select members.*, coalesce(imaged.uses, 0) as imaging, persons.payer
            from int_outcome_member_period as members
            inner join int_person as persons on members.person_key = persons.person_key
            left join imaged
                on
                    members.period_id = imaged.period_id
                    and members.person_key = imaged.person_key
                    and members.program_id is not distinct from imaged.program_id
                    and members.market_area_id is not distinct from imaged.market_area_id
                    and members.is_attributed_elsewhere = imaged.is_attributed_elsewhere
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
            sum(imaging)::bigint, sum(imaging * imaging)::bigint
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
            for side in _sides(is_panel, elsewhere):
                use[program, outcome, side].append(one)
    return use


def _read_readmissions(
    warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement]
) -> dict[tuple[str, str], list[UseCell]]:
    """Index stays by program and side; a stay is its own exposure, a readmission its use."""
    warehouse.register("outcome_scope", _scope(agreements))
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
        for side in _sides(is_panel, elsewhere):
            stays[program, side].append(one)
    return stays


def _sides(is_panel: bool, is_elsewhere: bool) -> tuple[str, ...]:
    if is_panel:
        return ("panel",)
    return (ALL_OTHERS, ATTRIBUTED_ELSEWHERE) if is_elsewhere else (ALL_OTHERS,)


def _read_indexes(
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


def _read_experience(
    warehouse: duckdb.DuckDBPyConnection, agreements: Sequence[Agreement]
) -> dict[tuple[str, str], ShareCounts]:
    """Mean best-answer share of the three composites in the period, weighted by respondents.

    The market is the payer's other surveyed practices.
    """
    warehouse.register("outcome_scope", _scope(agreements))
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


def _read_access(
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


def _described(
    agreement: Agreement, access: Mapping[tuple[str, date, str], tuple[int, int]]
) -> list[OutcomeRow]:
    """Access is described, not compared: nobody tells the features of the market's practices."""
    end = agreement.terms.performance.end_date
    rows = []
    for feature in FEATURES:
        row = _row(agreement, feature, ATTRIBUTED_ELSEWHERE, SHARE)
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


def _with_false_discovery_rates(rows: Sequence[OutcomeRow]) -> list[OutcomeRow]:
    """None of these is the headline, so all of a program's are controlled together (H.6)."""
    tested = [index for index, row in enumerate(rows) if row.p_value is not None]
    done = list(rows)
    p_values = [row.p_value for row in rows if row.p_value is not None]
    for index, q_value in zip(tested, stats.false_discovery_rates(p_values), strict=True):
        done[index] = replace(done[index], q_value=q_value)
    return done
