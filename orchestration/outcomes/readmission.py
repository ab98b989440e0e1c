"""Expected readmissions of every panel, and how well LACE fits its discharges (METHODS F.3.5, F.5).

Expected is what a logistic model of the market's discharges says of the panel's. Index stays and
readmissions are those of measure M27; who they are does not belong here.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import statsmodels.api as sm
from scipy.stats import mannwhitneyu

from orchestration.outcomes.interval import byar
from orchestration.outcomes.tables import table_of, write_table

FILE_NAME = "agg_readmission.parquet"
MEASURE = "M27"
ALL_BANDS = "all"
LACE_BANDS = (ALL_BANDS, "low", "moderate", "high")
LEAST_STAYS = 500
"""Index stays below which a program's discharges are pooled with the others' (F.5)."""
LEAST_EVENTS_A_TERM = 10
"""Readmissions and stays without one that a term of a model must stand on."""
LEAST_EXPECTED = 20
"""`min_expected` of METHODS P: below, the ratio is computed and not stated."""

FloatArray = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Discharges:
    """Index stays that are alike in everything the models look at."""

    program_id: str | None
    market_area_id: str | None
    payer: str
    measure_year: int
    age_band: str
    sex: str
    lace_band: str
    lace_score: int
    published_risk: float
    is_surgical: bool
    reason: str
    stays: int
    readmitted: int


@dataclass(frozen=True)
class ReadmissionRow:
    """One program, year and LACE band (or all of them); the columns of `agg_readmission`.

    Shares are of 1. `expected` and the ratio are None where the market's discharges carry no model.
    `calibrated_risk` is logit⁻¹(a + b × LACE) on `calibrated_on`: the program's own discharges, or
    all programs' (pool); None where even those are fewer than 500.
    """

    program_id: str
    measure_year: int
    lace_band: str
    index_stays: int
    readmissions: int
    expected: float | None
    observed_over_expected: float | None
    interval_lower: float | None
    interval_upper: float | None
    is_stated: bool
    published_risk: float | None
    calibrated_risk: float | None
    calibrated_on: str | None
    lace_intercept: float | None
    lace_slope: float | None
    lace_c_statistic: float | None
    market_index_stays: int
    market_readmissions: int
    model_terms: int
    model_c_statistic: float | None


_TYPES = {
    **dict.fromkeys(("program_id", "lace_band", "calibrated_on"), pa.string()),
    **dict.fromkeys(("measure_year", "model_terms"), pa.int32()),
    **dict.fromkeys(
        ("index_stays", "readmissions", "market_index_stays", "market_readmissions"), pa.int64()
    ),
    **dict.fromkeys(
        (
            *("expected", "observed_over_expected", "interval_lower", "interval_upper"),
            *("published_risk", "calibrated_risk", "lace_intercept", "lace_slope"),
            *("lace_c_statistic", "model_c_statistic"),
        ),
        pa.float64(),
    ),
    "is_stated": pa.bool_(),
}


@dataclass(frozen=True)
class Fit:
    """A logistic model: its terms beside the intercept, coefficients, and how it ranks its data."""

    terms: tuple[str, ...]
    coefficients: FloatArray
    c_statistic: float | None

    def risks(self, cells: Sequence[Discharges]) -> FloatArray:
        """Predicted share of each cell's stays that is readmitted."""
        linear = _design(cells, self.terms) @ self.coefficients
        return np.asarray(1 / (1 + np.exp(-linear)), dtype=np.float64)


def term_values(cell: Discharges) -> dict[str, float]:
    """What F.3.5 adjusts for: age, sex, LACE band, surgery, group of the principal diagnosis."""
    return {
        "lace_moderate": float(cell.lace_band == "moderate"),
        "lace_high": float(cell.lace_band == "high"),
        "is_surgical": float(cell.is_surgical),
        "sex_m": float(cell.sex == "M"),
        **{f"age_{band}": float(cell.age_band == band) for band in ("35-44", "45-54", "55-64")},
        **{
            f"reason_{reason}": float(cell.reason == reason)
            for reason in ("circulatory", "respiratory", "digestive", "mental")
        },
    }


def fit_expected(cells: Sequence[Discharges]) -> Fit | None:
    """The model of a market's discharges; terms with too few readmissions are left out.

    None where the market has fewer than 500 index stays or too few readmissions for an intercept.
    """
    stays = sum(cell.stays for cell in cells)
    events = sum(cell.readmitted for cell in cells)
    if stays < LEAST_STAYS or min(events, stays - events) < LEAST_EVENTS_A_TERM:
        return None
    values = [(term_values(cell), cell) for cell in cells]
    terms = tuple(
        term
        for term in values[0][0]
        if all(
            min(
                sum(cell.readmitted for told, cell in values if told[term] == side),
                sum(cell.stays - cell.readmitted for told, cell in values if told[term] == side),
            )
            >= LEAST_EVENTS_A_TERM
            for side in (0.0, 1.0)
        )
    )
    return _fit(cells, terms)


def fit_lace(cells: Sequence[Discharges]) -> Fit | None:
    """logit(p) = a + b × LACE; None below 500 index stays, or where all or none were readmitted."""
    stays = sum(cell.stays for cell in cells)
    events = sum(cell.readmitted for cell in cells)
    if stays < LEAST_STAYS or min(events, stays - events) < LEAST_EVENTS_A_TERM:
        return None
    return _fit(cells, ("lace_score",))


def readmission_rows(cells: Sequence[Discharges]) -> list[ReadmissionRow]:
    """Every program and year, all bands together and one by one."""
    rows: list[ReadmissionRow] = []
    by_year: dict[int, list[Discharges]] = defaultdict(list)
    for cell in cells:
        by_year[cell.measure_year].append(cell)
    for year in sorted(by_year):
        of_programs = [cell for cell in by_year[year] if cell.program_id is not None]
        pooled = fit_lace(of_programs)
        for program_id in sorted({cell.program_id for cell in of_programs if cell.program_id}):
            panel = [cell for cell in of_programs if cell.program_id == program_id]
            places = {(cell.payer, cell.market_area_id) for cell in panel}
            market = [
                cell
                for cell in by_year[year]
                if cell.program_id != program_id and (cell.payer, cell.market_area_id) in places
            ]
            own = fit_lace(panel)
            rows.extend(_program_rows(program_id, year, panel, market, own, pooled))
    return rows


def read_discharges(warehouse: duckdb.DuckDBPyConnection) -> list[Discharges]:
    """Index stays of M27 by what the models look at, of the years that have ended."""
    found = warehouse.execute(
        f"""
        select
            members.program_id,
            members.market_area_id,
            persons.payer,
            results.measure_year,
            case
                when members.age_at_end < 35 then '18-34'
                when members.age_at_end < 45 then '35-44'
                when members.age_at_end < 55 then '45-54'
                else '55-64'
            end as age_band,
            members.sex,
            risks.lace_band,
            risks.lace_score,
            risks.lace_risk::double as published_risk,
            episodes.has_procedure as is_surgical,
            case substr(episodes.principal_diagnosis_code, 1, 1)
                when 'I' then 'circulatory'
                when 'J' then 'respiratory'
                when 'K' then 'digestive'
                when 'F' then 'mental'
                else 'other'
            end as reason,
            count(*) as stays,
            count(*) filter (where results.is_numerator) as readmitted
        from int_measure_result as results
        inner join int_measure_year as years
            on results.measure_year = years.measure_year and not years.is_worklist_year
        inner join int_quality_member as members
            on
                results.measure_year = members.measure_year
                and results.person_key = members.person_key
        inner join int_person as persons on results.person_key = persons.person_key
        inner join int_index_stay as episodes
            on
                results.person_key = episodes.person_key
                and results.measured_date = episodes.discharge_date
                and episodes.plan_exclusion is null
        inner join int_readmission_risk as risks on episodes.index_key = risks.index_key
        where results.measure_id = '{MEASURE}' and results.is_denominator
        group by all
        order by all
        """
    ).fetchall()
    return [Discharges(*row) for row in found]


def write_readmissions(rows: Sequence[ReadmissionRow], outcomes_dir: Path) -> Path:
    """Write `agg_readmission.parquet`; equal rows give equal bytes."""
    file = outcomes_dir / FILE_NAME
    write_table(table_of(rows, ReadmissionRow, _TYPES), file)
    return file


def markdown_table(rows: Sequence[ReadmissionRow]) -> str:
    """Observed, expected and their ratio by program and year."""
    lines = [
        "| Program | Year | Index stays | Readmitted | Expected | O/E (95 % CI) |",
        "|---|---|---|---|---|---|",
    ]
    for row in rows:
        if row.lace_band != ALL_BANDS:
            continue
        ratio = "no model"
        if row.observed_over_expected is not None and row.interval_lower is not None:
            ratio = (
                f"{row.observed_over_expected:.2f}"
                f" ({row.interval_lower:.2f} to {row.interval_upper:.2f})"
                f"{'' if row.is_stated else ', too few to state'}"
            )
        expected = "" if row.expected is None else f"{row.expected:.1f}"
        lines.append(
            f"| {row.program_id} | {row.measure_year} | {row.index_stays} | {row.readmissions}"
            f" | {expected} | {ratio} |"
        )
    return "\n".join(lines)


def _program_rows(
    program_id: str,
    year: int,
    panel: Sequence[Discharges],
    market: Sequence[Discharges],
    own: Fit | None,
    pooled: Fit | None,
) -> list[ReadmissionRow]:
    model, lace = fit_expected(market), own or pooled
    calibrated_on = "program" if own else "pool" if pooled else None
    rows = []
    for band in LACE_BANDS:
        cells = [cell for cell in panel if band in (ALL_BANDS, cell.lace_band)]
        stays = sum(cell.stays for cell in cells)
        if not stays:
            continue
        readmitted = sum(cell.readmitted for cell in cells)
        expected = _sum(model, cells)
        calibrated = _sum(lace, cells)
        between = byar(readmitted, expected) if expected else None
        rows.append(
            ReadmissionRow(
                program_id=program_id,
                measure_year=year,
                lace_band=band,
                index_stays=stays,
                readmissions=readmitted,
                expected=expected,
                observed_over_expected=readmitted / expected if expected else None,
                interval_lower=between.lower if between else None,
                interval_upper=between.upper if between else None,
                is_stated=expected is not None and expected >= LEAST_EXPECTED,
                published_risk=sum(cell.published_risk * cell.stays for cell in cells) / stays,
                calibrated_risk=None if calibrated is None else calibrated / stays,
                calibrated_on=calibrated_on,
                lace_intercept=float(lace.coefficients[0]) if lace else None,
                lace_slope=float(lace.coefficients[1]) if lace else None,
                lace_c_statistic=lace.c_statistic if lace else None,
                market_index_stays=sum(cell.stays for cell in market),
                market_readmissions=sum(cell.readmitted for cell in market),
                model_terms=len(model.terms) if model else 0,
                model_c_statistic=model.c_statistic if model else None,
            )
        )
    return rows


def _sum(fit: Fit | None, cells: Sequence[Discharges]) -> float | None:
    """Readmissions that a model expects among the stays."""
    if fit is None:
        return None
    return float(fit.risks(cells) @ np.array([cell.stays for cell in cells], dtype=np.float64))


def _fit(cells: Sequence[Discharges], terms: tuple[str, ...]) -> Fit:
    readmitted = np.array([cell.readmitted for cell in cells], dtype=np.float64)
    stays = np.array([cell.stays for cell in cells], dtype=np.float64)
    outcome = np.column_stack((readmitted, stays - readmitted))
    result: Any = sm.GLM(outcome, _design(cells, terms), family=sm.families.Binomial()).fit()
    fit = Fit(terms, np.asarray(result.params, dtype=np.float64), None)
    return Fit(terms, fit.coefficients, _c_statistic(fit.risks(cells), readmitted, stays))


def _design(cells: Sequence[Discharges], terms: Sequence[str]) -> FloatArray:
    rows = [{**term_values(cell), "lace_score": float(cell.lace_score)} for cell in cells]
    return np.array([[1.0, *(row[term] for term in terms)] for row in rows], dtype=np.float64)


def _c_statistic(risks: FloatArray, readmitted: FloatArray, stays: FloatArray) -> float | None:
    """Chance that of two stays the one that was readmitted had the higher risk."""
    with_event = np.repeat(risks, readmitted.astype(np.int64))
    without = np.repeat(risks, (stays - readmitted).astype(np.int64))
    if not len(with_event) or not len(without):
        return None
    wins = float(mannwhitneyu(with_event, without).statistic)
    return wins / (len(with_event) * len(without))
