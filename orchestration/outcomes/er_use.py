"""ER use of every reporting unit against its market (METHODS H.1–H.7).

One row per reporting unit, period and market basis, with the sentence that states it. The
statistics belong to `standardize.py` and `interval.py`; pictures and text tables to `report.py`.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import NamedTuple

import duckdb
import numpy as np
import pyarrow as pa

from orchestration.errors import CareWarehouseError
from orchestration.outcomes import interval as stats
from orchestration.outcomes.agreements import RunInputs
from orchestration.outcomes.er_terms import ErComparisonTerms, er_comparison_terms
from orchestration.outcomes.interval import Interval, Patterns, ResampledTotals
from orchestration.outcomes.standardize import (
    Cell,
    CellGroups,
    StandardizedRates,
    collapse_cells,
    first_year_of_age,
    standardize,
)
from orchestration.outcomes.tables import table_of, write_table

FILE_NAME = "agg_er_use_versus_market.parquet"
PANEL = "panel"
ALL_OTHERS = "all_others"
ATTRIBUTED_ELSEWHERE = "attributed_elsewhere"
MARKET_BASES = (ALL_OTHERS, ATTRIBUTED_ELSEWHERE)
BASELINE, PERFORMANCE = "baseline", "performance"
PERIOD_ROLES = (BASELINE, PERFORMANCE)
MINIMUM_OBSERVED_VISITS = 11
INSUFFICIENT = "insufficient"

_POWER_Z = 1.959964 + 0.841621  # two-sided 5 %, power 80 %
_STREAMS = {
    (PERFORMANCE, True): 0,
    (PERFORMANCE, False): 1,
    (BASELINE, True): 2,
    (BASELINE, False): 3,
}
_NOTES = {
    ALL_OTHERS: (
        "Published basis. It holds members who saw no doctor, whom a panel cannot hold, so panels "
        "look higher than they are; infer from attributed_elsewhere."
    ),
    ATTRIBUTED_ELSEWHERE: (
        "Basis for inference: members attributed by the same rules to groups outside the payer's "
        "programs."
    ),
}


class ErPattern(NamedTuple):
    """Persons of one comparison with equal cell, member months and visits (both per person)."""

    reporting_unit_id: str
    program_id: str
    partner_id: str | None
    period_role: str
    comparison: str
    cell: Cell
    member_months: int
    visits: int
    persons: int


@dataclass(frozen=True)
class ErUseRow:
    """One reporting unit, period and market basis; the columns of `agg_er_use_versus_market`.

    Ratios are panel over market; `change_*` compares performance with baseline on the same basis
    (repeated cross-section, H.5). Intervals are 95 %. None means that it cannot be computed.
    """

    reporting_unit_id: str
    program_id: str
    partner_id: str | None
    period_role: str
    market_basis: str
    reporting_unit_name: str
    period_start_date: date
    period_end_date: date
    claims_through_period: str
    is_headline: bool
    is_inference: bool
    verdict: str
    sentence: str
    insufficient_reasons: str
    comparison_note: str
    panel_persons: int
    market_persons: int
    panel_member_months: int
    market_member_months: int
    observed_visits: int
    market_visits: int
    expected_visits: float | None
    crude_panel_per_1000: float | None
    crude_market_per_1000: float | None
    adjusted_panel_per_1000: float | None
    sir: float | None
    percent_versus_market: float | None
    direct_rate_per_1000: float | None
    direct_ratio: float | None
    direct_cells_at_market_rate: int
    dispersion_panel: float | None
    dispersion_market: float | None
    bootstrap_lower: float | None
    bootstrap_upper: float | None
    quasi_lower: float | None
    quasi_upper: float | None
    exact_lower: float | None
    exact_upper: float | None
    byar_lower: float | None
    byar_upper: float | None
    p_value: float | None
    q_value: float | None
    detectable_percent: float | None
    change_ratio: float | None
    change_percent: float | None
    change_bootstrap_lower: float | None
    change_bootstrap_upper: float | None
    change_quasi_lower: float | None
    change_quasi_upper: float | None
    change_p_value: float | None
    cells_used: int
    cells_collapsed: int
    collapsed_cells: str
    is_suppressed: bool


_TEXT = pa.string()
_COUNT = pa.int64()
_NUMBER = pa.float64()
_TYPES: dict[str, pa.DataType] = {
    **dict.fromkeys(ErUseRow.__annotations__, _NUMBER),
    **dict.fromkeys(
        (
            "reporting_unit_id",
            "program_id",
            "partner_id",
            "period_role",
            "market_basis",
            "reporting_unit_name",
            "claims_through_period",
            "verdict",
            "sentence",
            "insufficient_reasons",
            "comparison_note",
            "collapsed_cells",
        ),
        _TEXT,
    ),
    **dict.fromkeys(
        (
            "panel_persons",
            "market_persons",
            "panel_member_months",
            "market_member_months",
            "observed_visits",
            "market_visits",
            "direct_cells_at_market_rate",
            "cells_used",
            "cells_collapsed",
        ),
        _COUNT,
    ),
    **dict.fromkeys(("period_start_date", "period_end_date"), pa.date32()),
    **dict.fromkeys(("is_headline", "is_inference", "is_suppressed"), pa.bool_()),
}


@dataclass(frozen=True)
class _Unit:
    program_id: str
    reporting_unit_id: str
    partner_id: str | None

    @property
    def is_program(self) -> bool:
        return self.reporting_unit_id == self.program_id


@dataclass(frozen=True)
class _Comparison:
    """The numbers of one row that its change against baseline needs again."""

    rates: StandardizedRates
    groups: CellGroups
    panel_dispersion: float | None
    market_dispersion: float | None
    standard_error: float | None
    draws: stats.FloatArray | None


def compare_er_use(
    rows: Iterable[ErPattern],
    terms: Mapping[str, ErComparisonTerms],
    claims_through_period: str,
    threads: int = 1,
) -> list[ErUseRow]:
    """Every reporting unit × period × market basis, ordered by that key.

    `terms` is by program_id; a program without any pattern still gets its (insufficient) rows.
    Raises `CareWarehouseError` for a pattern of a program without terms. Equal arguments give
    equal rows; `threads` changes only the time.
    """
    grouped: dict[tuple[_Unit, str, str], list[tuple[Cell, int, int, int]]] = defaultdict(list)
    units: dict[str, _Unit] = {}
    for row in rows:
        if row.program_id not in terms:
            raise CareWarehouseError(
                f"int_er_exposure_pattern: program_id {row.program_id!r} has no terms; known are "
                f"{', '.join(sorted(terms))}. Add data/programs/{row.program_id}.yml."
            )
        unit = units.setdefault(
            row.reporting_unit_id, _Unit(row.program_id, row.reporting_unit_id, row.partner_id)
        )
        grouped[unit, row.period_role, row.comparison].append(
            (row.cell, row.member_months, row.visits, row.persons)
        )
    for program_id in terms:
        units.setdefault(program_id, _Unit(program_id, program_id, None))
    populations = {key: stats.patterns_of(of_key) for key, of_key in grouped.items()}
    empty = stats.patterns_of([])
    resampled = _resample_all(populations, terms, threads)

    results: list[ErUseRow] = []
    for unit in sorted(units.values(), key=lambda one: (one.program_id, one.reporting_unit_id)):
        of_program: list[ErUseRow] = []
        for basis in MARKET_BASES:
            compared: dict[str, _Comparison] = {}
            for role in PERIOD_ROLES:
                panel = populations.get((unit, role, PANEL), empty)
                market = populations.get((unit, role, basis), empty)
                compared[role] = _compare(
                    panel,
                    market,
                    resampled.get((unit, role, PANEL)),
                    resampled.get((unit, role, basis)),
                )
                of_program.append(
                    _row(
                        unit,
                        role,
                        basis,
                        terms[unit.program_id],
                        claims_through_period,
                        compared,
                        int(panel.persons.sum()),
                        int(market.persons.sum()),
                    )
                )
        results.extend(of_program)
    results = _with_false_discovery_rates(results)
    return sorted(
        results,
        key=lambda row: (row.program_id, row.reporting_unit_id, row.period_role, row.market_basis),
    )


def er_use_from_warehouse(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs, threads: int = 1
) -> list[ErUseRow]:
    """Read exposures and terms of the run and compare every reporting unit with its market."""
    terms = {
        agreement.program_id: er_comparison_terms(agreement) for agreement in inputs.agreements
    }
    return compare_er_use(read_er_patterns(warehouse), terms, inputs.claims_through_period, threads)


def read_er_patterns(warehouse: duckdb.DuckDBPyConnection) -> list[ErPattern]:
    """Rows of `int_er_exposure_pattern`, with the age band read as its first year of age."""
    found = warehouse.execute(
        """
        select
            reporting_unit_id,
            program_id,
            partner_id,
            period_role,
            comparison,
            age_band,
            sex,
            condition_tier,
            member_months,
            visits,
            sum(persons)::bigint as persons
        from int_er_exposure_pattern
        group by all
        order by all
        """
    ).fetchall()
    return [
        ErPattern(
            reporting_unit_id=unit,
            program_id=program,
            partner_id=partner,
            period_role=role,
            comparison=comparison,
            cell=Cell(first_year_of_age(band), sex, tier),
            member_months=int(months),
            visits=int(visits),
            persons=int(persons),
        )
        for unit, program, partner, role, comparison, band, sex, tier, months, visits, persons in (
            found
        )
    ]


def er_use_table(rows: Sequence[ErUseRow]) -> pa.Table:
    """The rows as the published Arrow table."""
    return table_of(rows, ErUseRow, _TYPES)


def write_er_use(rows: Sequence[ErUseRow], outcomes_dir: Path) -> Path:
    """Write `agg_er_use_versus_market.parquet`; equal rows give equal bytes."""
    file = outcomes_dir / FILE_NAME
    write_table(er_use_table(rows), file)
    return file


def insufficient_reasons(rates: StandardizedRates, terms: ErComparisonTerms) -> list[str]:
    """Why nothing may be stated about these rates (H.6); empty when something may."""
    reasons = []
    if rates.panel_member_months < 12 * terms.minimum_member_years:
        reasons.append(f"fewer than {terms.minimum_member_years} member-years")
    if rates.observed_visits < MINIMUM_OBSERVED_VISITS:
        reasons.append(f"fewer than {MINIMUM_OBSERVED_VISITS} visits")
    if rates.expected_visits is None or rates.expected_visits < terms.minimum_expected_visits:
        reasons.append(f"fewer than {terms.minimum_expected_visits} visits expected")
    return reasons


def sentence(row: ErUseRow, terms: ErComparisonTerms) -> str:
    """The statement of H.7; the words follow from the verdict, rounding from the unrounded."""
    start, end = row.period_start_date, row.period_end_date
    months = (end.year - start.year) * 12 + end.month - start.month + 1
    use = (
        f"ER use of {row.reporting_unit_name} (treat-and-release emergency department visits, "
        "adjusted for age, sex and conditions known before the period)"
    )
    area = "the state" if terms.is_whole_state else "the market area"
    if row.market_basis == ALL_OTHERS:
        others = f"other members of the plan in {terms.market_name}"
        group = f"all other members in {area}"
    else:
        others = f"members of the plan in {terms.market_name} attributed to other physician groups"
        group = (
            f"members in {area} attributed by the same rules to groups outside the payer's programs"
        )
    caveat = "Observational; not proof that the program caused the difference."
    lower, upper = row.bootstrap_lower, row.bootstrap_upper
    if row.verdict == INSUFFICIENT or row.sir is None or lower is None or upper is None:
        why = row.insufficient_reasons or "no interval could be computed"
        return (
            f"{use} cannot be compared with that of {others} in the {months} months to {end}, "
            f"claims through {row.claims_through_period}: {why}. Comparison group: {group}."
        )
    if row.verdict == "similar":
        comparison = (
            f"was **similar** to that of {others} ({_difference(row.sir)}; difference could be "
            "chance)"
        )
    else:
        comparison = f"was **{_difference(row.sir)}** than for {others}"
    member_years = _rounded(row.panel_member_months / 12, 0)
    return (
        f"{use} {comparison}: {_rounded(row.adjusted_panel_per_1000 or 0.0, 1)} versus "
        f"{_rounded(row.crude_market_per_1000 or 0.0, 1)} visits per 1,000 member-years in the "
        f"{months} months to {end}, claims through {row.claims_through_period} "
        f"(95 % CI {_interval_words(lower, upper)}; "
        f"N = {member_years} member-years). Comparison group: {group}. {caveat}"
    )


def _resample_all(
    populations: Mapping[tuple[_Unit, str, str], Patterns],
    terms: Mapping[str, ErComparisonTerms],
    threads: int,
) -> dict[tuple[_Unit, str, str], ResampledTotals]:
    """Resample each distinct population once: units of one market share it."""
    job_of: dict[tuple[_Unit, str, str], tuple[bytes, int, int, int]] = {}
    jobs: dict[tuple[bytes, int, int, int], Patterns] = {}
    for key, patterns in populations.items():
        unit, role, comparison = key
        stream = _STREAMS[role, comparison == PANEL]
        of_program = terms[unit.program_id]
        job = (
            patterns.digest,
            stream,
            of_program.bootstrap_draws,
            of_program.bootstrap_seed,
        )
        job_of[key] = job
        jobs[job] = patterns
    with ThreadPoolExecutor(max_workers=threads) as pool:
        totals = pool.map(lambda item: stats.resample(item[1], *item[0][1:]), jobs.items())
        done = dict(zip(jobs, totals, strict=True))
    return {key: done[job] for key, job in job_of.items()}


def _compare(
    panel: Patterns,
    market: Patterns,
    panel_draws: ResampledTotals | None,
    market_draws: ResampledTotals | None,
) -> _Comparison:
    panel_exposures, market_exposures = panel.exposures, market.exposures
    groups = collapse_cells(market_exposures, panel_exposures)
    rates = standardize(panel_exposures, market_exposures, groups)
    of_market = groups.total(market_exposures)
    panel_dispersion = stats.person_dispersion(panel, of_market, groups)
    market_dispersion = stats.person_dispersion(market, of_market, groups)
    standard_error = None
    if rates.sir and panel_dispersion is not None and market_dispersion is not None:
        market_term = stats.market_variance(rates.expected_by_group, of_market, market_dispersion)
        standard_error = stats.log_standard_error(
            rates.observed_visits, panel_dispersion, market_term
        )
    draws = None
    if rates.sir is not None and panel_draws is not None and market_draws is not None:
        draws = stats.resampled_sir(panel_draws, market_draws, groups)
    return _Comparison(rates, groups, panel_dispersion, market_dispersion, standard_error, draws)


def _row(
    unit: _Unit,
    role: str,
    basis: str,
    terms: ErComparisonTerms,
    claims_through_period: str,
    compared: Mapping[str, _Comparison],
    panel_persons: int,
    market_persons: int,
) -> ErUseRow:
    this = compared[role]
    rates = this.rates
    bootstrap = stats.percentile_interval(this.draws) if this.draws is not None else None
    quasi: Interval | None = None
    p_value: float | None = None
    if rates.sir and this.standard_error is not None:
        quasi = stats.quasi_poisson(rates.sir, this.standard_error)
        p_value = stats.log_p_value(rates.sir, this.standard_error)
    exact = byar = None
    if rates.expected_visits:
        exact = stats.exact_poisson(rates.observed_visits, rates.expected_visits)
        byar = stats.byar(rates.observed_visits, rates.expected_visits)
    reasons = insufficient_reasons(rates, terms)
    is_insufficient = bool(reasons) or bootstrap is None
    change = _change(compared) if role == PERFORMANCE else _NO_CHANGE
    start, end = terms.period(role)
    row = ErUseRow(
        reporting_unit_id=unit.reporting_unit_id,
        program_id=unit.program_id,
        partner_id=unit.partner_id,
        period_role=role,
        market_basis=basis,
        reporting_unit_name=terms.unit_name(None if unit.is_program else unit.partner_id),
        period_start_date=start,
        period_end_date=end,
        claims_through_period=claims_through_period,
        is_headline=(unit.is_program and role == PERFORMANCE and basis == terms.published_basis),
        is_inference=role == PERFORMANCE and basis == terms.inference_basis,
        verdict=(
            INSUFFICIENT if is_insufficient or bootstrap is None else stats.verdict_word(bootstrap)
        ),
        sentence="",
        insufficient_reasons=", ".join(reasons),
        comparison_note=_NOTES[basis],
        panel_persons=panel_persons,
        market_persons=market_persons,
        panel_member_months=rates.panel_member_months,
        market_member_months=rates.market_member_months,
        observed_visits=rates.observed_visits,
        market_visits=rates.market_visits,
        expected_visits=rates.expected_visits,
        crude_panel_per_1000=rates.crude_panel_per_1000,
        crude_market_per_1000=rates.crude_market_per_1000,
        adjusted_panel_per_1000=rates.adjusted_panel_per_1000,
        sir=rates.sir,
        percent_versus_market=None if rates.sir is None else 100 * (rates.sir - 1),
        direct_rate_per_1000=rates.direct_rate_per_1000,
        direct_ratio=rates.direct_ratio,
        direct_cells_at_market_rate=rates.direct_cells_at_market_rate,
        dispersion_panel=this.panel_dispersion,
        dispersion_market=this.market_dispersion,
        bootstrap_lower=bootstrap.lower if bootstrap else None,
        bootstrap_upper=bootstrap.upper if bootstrap else None,
        quasi_lower=quasi.lower if quasi else None,
        quasi_upper=quasi.upper if quasi else None,
        exact_lower=exact.lower if exact else None,
        exact_upper=exact.upper if exact else None,
        byar_lower=byar.lower if byar else None,
        byar_upper=byar.upper if byar else None,
        p_value=p_value,
        q_value=None,
        detectable_percent=(
            None
            if this.standard_error is None
            else 100 * (1 - math.exp(-_POWER_Z * this.standard_error))
        ),
        change_ratio=change.ratio,
        change_percent=None if change.ratio is None else 100 * (change.ratio - 1),
        change_bootstrap_lower=change.bootstrap.lower if change.bootstrap else None,
        change_bootstrap_upper=change.bootstrap.upper if change.bootstrap else None,
        change_quasi_lower=change.quasi.lower if change.quasi else None,
        change_quasi_upper=change.quasi.upper if change.quasi else None,
        change_p_value=change.p_value,
        cells_used=len(this.groups.groups),
        cells_collapsed=this.groups.cells_collapsed,
        collapsed_cells=this.groups.description,
        is_suppressed=(
            0 < rates.observed_visits < MINIMUM_OBSERVED_VISITS
            or 0 < panel_persons < MINIMUM_OBSERVED_VISITS
        ),
    )
    return replace(row, sentence=sentence(row, terms))


@dataclass(frozen=True)
class _Change:
    ratio: float | None
    bootstrap: Interval | None
    quasi: Interval | None
    p_value: float | None


_NO_CHANGE = _Change(None, None, None, None)


def _change(compared: Mapping[str, _Comparison]) -> _Change:
    """Ratio of the two periods' SIRs; the periods' draws are independent streams (H.5)."""
    before, after = compared.get(BASELINE), compared[PERFORMANCE]
    if before is None or not before.rates.sir or not after.rates.sir:
        return _NO_CHANGE
    ratio = after.rates.sir / before.rates.sir
    quasi = p_value = bootstrap = None
    if before.standard_error is not None and after.standard_error is not None:
        error = math.hypot(before.standard_error, after.standard_error)
        quasi, p_value = stats.quasi_poisson(ratio, error), stats.log_p_value(ratio, error)
    if before.draws is not None and after.draws is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            bootstrap = stats.percentile_interval(after.draws / before.draws)
    return _Change(ratio, bootstrap, quasi, p_value)


def _with_false_discovery_rates(rows: Sequence[ErUseRow]) -> list[ErUseRow]:
    """q-values of everything on a program's report but its one pre-specified headline (H.6)."""
    tested: dict[str, list[int]] = defaultdict(list)
    for index, row in enumerate(rows):
        if row.p_value is not None and not row.is_headline:
            tested[row.program_id].append(index)
    done = list(rows)
    for indexes in tested.values():
        p_values = [
            row.p_value for row in (rows[index] for index in indexes) if row.p_value is not None
        ]
        for index, q_value in zip(indexes, stats.false_discovery_rates(p_values), strict=True):
            done[index] = replace(rows[index], q_value=q_value)
    return done


def _difference(ratio: float) -> str:
    """`7 % lower`; one decimal where a whole percent would read 0."""
    percent = abs(100 * (ratio - 1))
    shown = _rounded(percent, 0)
    if shown == "0":
        shown = _rounded(percent, 1)
    return f"{shown} % {'lower' if ratio < 1 else 'higher'}"


def _interval_words(lower: float, upper: float) -> str:
    """Ends in the order of size of the effect when both are on one side of the market."""
    if upper < 1:
        return f"{_percent(upper)} to {_difference(lower)}"
    if lower > 1:
        return f"{_percent(lower)} to {_difference(upper)}"
    return f"{_difference(lower)} to {_difference(upper)}"


def _percent(ratio: float) -> str:
    return _difference(ratio).rsplit(" ", 1)[0]


def _rounded(value: float, places: int) -> str:
    """Half up, with thousands separators, for display only (METHODS 0.2)."""
    step = Decimal(1).scaleb(-places)
    return f"{Decimal(repr(value)).quantize(step, ROUND_HALF_UP):,}"
