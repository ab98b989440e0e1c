"""ER use of every reporting unit against its market (METHODS H.1–H.7).

One row per reporting unit, period and market basis. The statistics belong to `standardize.py` and
`interval.py`, who is compared to `er_populations.py`, columns and sentence to `er_row.py`; pictures
and text tables to `report.py`.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import duckdb
import numpy as np

from orchestration.errors import CareWarehouseError
from orchestration.outcomes import interval as stats
from orchestration.outcomes.agreements import RunInputs
from orchestration.outcomes.er_populations import Population, Populations, Unit, read_populations
from orchestration.outcomes.er_row import (
    ALL_OTHERS,
    ATTRIBUTED_ELSEWHERE,
    BASELINE,
    INSUFFICIENT,
    MARKET_BASES,
    MINIMUM_OBSERVED_VISITS,
    PANEL,
    PERFORMANCE,
    PERIOD_ROLES,
    ErUseRow,
    insufficient_reasons,
    sentence,
)
from orchestration.outcomes.er_terms import ErComparisonTerms, er_comparison_terms
from orchestration.outcomes.interval import Interval, Patterns, ResampledTotals
from orchestration.outcomes.resampling import Draws, FloatArray
from orchestration.outcomes.standardize import (
    CellGroups,
    StandardizedRates,
    collapse_cells,
    standardize,
)

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


class _Place(NamedTuple):
    """What one row is about."""

    unit: Unit
    basis: str
    role: str


@dataclass(frozen=True)
class _Comparison:
    """The numbers of one row, some of which its change against baseline needs again.

    `reasons` say why nothing may be stated; then there are no `draws`.
    """

    rates: StandardizedRates
    groups: CellGroups
    reasons: tuple[str, ...]
    panel_persons: int
    market_persons: int
    panel_dispersion: float | None
    market_dispersion: float | None
    standard_error: float | None
    draws: FloatArray | None = None


def compare_er_use(
    populations: Populations,
    terms: Mapping[str, ErComparisonTerms],
    claims_through_period: str,
    threads: int = 1,
    drawn: Draws | None = None,
) -> list[ErUseRow]:
    """Every reporting unit × period × market basis, ordered by that key.

    `terms` is by program_id; a program without any person still gets its (insufficient) rows.
    Raises `CareWarehouseError` for persons of a program without terms. Equal arguments give
    equal rows; `threads`, and `drawn` of an earlier call, change only the time.
    """
    units = {population.unit.reporting_unit_id: population.unit for population in populations}
    for unit in units.values():
        if unit.program_id not in terms:
            raise CareWarehouseError(
                f"int_er_exposure_pattern: program_id {unit.program_id!r} has no terms; known are "
                f"{', '.join(sorted(terms))}. Add data/programs/{unit.program_id}.yml."
            )
    for program_id in terms:
        units.setdefault(program_id, Unit(program_id, program_id, None))
    ordered = sorted(units.values(), key=lambda one: (one.program_id, one.reporting_unit_id))
    sides = {
        _Place(unit, basis, role): (Population(unit, role, PANEL), Population(unit, role, basis))
        for unit in ordered
        for basis in MARKET_BASES
        for role in PERIOD_ROLES
    }
    empty = stats.patterns_of([])
    compared = {
        place: _compare(
            populations.get(panel, empty),
            populations.get(market, empty),
            terms[place.unit.program_id],
        )
        for place, (panel, market) in sides.items()
    }
    # Of what may not be stated nothing is resampled.
    wanted = {
        key: populations[key]
        for place, keys in sides.items()
        if not compared[place].reasons
        for key in keys
        if key in populations
    }
    resampled = _resample_all(wanted, terms, threads, drawn or Draws())
    for place, (panel, market) in sides.items():
        if panel in resampled and market in resampled and not compared[place].reasons:
            groups = compared[place].groups
            draws = stats.resampled_sir(resampled[panel], resampled[market], groups)
            compared[place] = replace(compared[place], draws=draws)
    results = [
        _row(
            place,
            terms[place.unit.program_id],
            claims_through_period,
            compared[place],
            compared[place._replace(role=BASELINE)] if place.role == PERFORMANCE else None,
        )
        for place in sides
    ]
    return sorted(
        _with_false_discovery_rates(results),
        key=lambda row: (row.program_id, row.reporting_unit_id, row.period_role, row.market_basis),
    )


def er_use_from_warehouse(
    warehouse: duckdb.DuckDBPyConnection, inputs: RunInputs, threads: int = 1
) -> list[ErUseRow]:
    """Read exposures and terms of the run and compare every reporting unit with its market."""
    terms = {
        agreement.program_id: er_comparison_terms(agreement) for agreement in inputs.agreements
    }
    return compare_er_use(read_populations(warehouse), terms, inputs.claims_through_period, threads)


class _Job(NamedTuple):
    """A population by its content, and the draws that resample it."""

    digest: bytes
    stream: int
    draws: int
    seed: int


def _resample_all(
    populations: Populations,
    terms: Mapping[str, ErComparisonTerms],
    threads: int,
    drawn: Draws,
) -> dict[Population, ResampledTotals]:
    """Resample each distinct population once: units of one market share it."""
    job_of: dict[Population, _Job] = {}
    jobs: dict[_Job, Patterns] = {}
    for key, patterns in populations.items():
        of_program = terms[key.unit.program_id]
        job = _Job(
            patterns.digest,
            _STREAMS[key.period_role, key.comparison == PANEL],
            of_program.bootstrap_draws,
            of_program.bootstrap_seed,
        )
        job_of[key] = job
        jobs[job] = patterns

    def resampled(job: _Job) -> ResampledTotals:
        return stats.resample(jobs[job], job.stream, job.draws, job.seed, drawn)

    with ThreadPoolExecutor(max_workers=threads) as pool:
        done = dict(zip(jobs, pool.map(resampled, jobs), strict=True))
    return {key: done[job] for key, job in job_of.items()}


def _compare(panel: Patterns, market: Patterns, terms: ErComparisonTerms) -> _Comparison:
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
    return _Comparison(
        rates,
        groups,
        tuple(insufficient_reasons(rates, terms)),
        int(panel.persons.sum()),
        int(market.persons.sum()),
        panel_dispersion,
        market_dispersion,
        standard_error,
    )


def _row(
    place: _Place,
    terms: ErComparisonTerms,
    claims_through_period: str,
    this: _Comparison,
    before: _Comparison | None,
) -> ErUseRow:
    unit, basis, role = place
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
    change = _NO_CHANGE if before is None else _change(before, this)
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
        verdict=INSUFFICIENT if bootstrap is None else stats.verdict_word(bootstrap),
        sentence="",
        insufficient_reasons=", ".join(this.reasons),
        comparison_note=_NOTES[basis],
        panel_persons=this.panel_persons,
        market_persons=this.market_persons,
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
            or 0 < this.panel_persons < MINIMUM_OBSERVED_VISITS
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


def _change(before: _Comparison, after: _Comparison) -> _Change:
    """Ratio of the two periods' SIRs; the periods' draws are independent streams (H.5)."""
    if not before.rates.sir or not after.rates.sir:
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
