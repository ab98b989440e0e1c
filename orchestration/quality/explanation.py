"""Why a member is in a measure or out of it, on which evidence, and what would close the gap.

Reads the warehouse's `fct_measure_explanation`, one member at a time, and puts it into words. What
counts is decided in dbt; how a terminal looks belongs to `orchestration/cli.py`.
"""

import calendar
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

import duckdb

from orchestration.errors import CareWarehouseError
from orchestration.settings import Settings
from orchestration.warehouse import read_warehouse

OUT = {
    "SEX": "the measure is of the other sex",
    "AGE": "her age ({age}) is outside the measure's",
    "COVER": "her cover was not as long as the measure asks for",
    "CONDITION_OR_EVENT": "she has no condition or event of it: {population}",
}
STATES = {
    "OVERDUE": "overdue since {due_date}",
    "DUE_SOON": "due on {due_date}",
    "CLOSED": "closed",
    "OPEN": "open, due on {due_date}",
    "MISSED": "missed: the year has ended",
    "EVENT_ONLY": "an event that nobody can act on any more",
}

_EXPLAINED = """
    select *
    from fct_measure_explanation
    where person_id = $person and measure_id = $measure and measure_year = $year
        and ($payer is null or payer = $payer)
    order by payer, measured_date
"""
_MEMBER = """
    select
        persons.payer,
        persons.person_key,
        persons.birth_date,
        persons.death_date,
        attributions.program_id,
        attributions.npi,
        attributions.reason,
        months.person_key is not null as is_covered
    from int_person as persons
    left join int_member_attribution as attributions
        on persons.person_key = attributions.person_key and attributions.snapshot_date = $month_end
    left join int_member_month as months
        on persons.person_key = months.person_key
        and months.is_medical
        and months.month_start_date = date_trunc('month', $month_end::date)
    where persons.person_id = $person and ($payer is null or persons.payer = $payer)
    order by persons.payer
"""
_CLAIM = """
    select
        from_date,
        string_agg(distinct hcpcs_code, ', ' order by hcpcs_code) as codes,
        min(rendering_npi) as rendering_npi
    from int_claim_line
    where claim_key = ? and person_key = ?
    group by from_date
    order by from_date
"""


@dataclass(frozen=True)
class Question:
    """Whom and what is asked about; `payer` only where two payers use the same id."""

    person_id: str
    measure_id: str
    month_end: date
    payer: str | None = None

    @property
    def year(self) -> int:
        return self.month_end.year


Row = Mapping[str, object]


def asked_month(text: str | None, newest: date) -> date:
    """Last day of the month `YYYY-MM`, or of the newest one; raises `CareWarehouseError`."""
    if text is None:
        year, month = newest.year, newest.month
    else:
        try:
            first = date.fromisoformat(f"{text}-01")
        except ValueError:
            raise CareWarehouseError(
                f"{text} is no month. Give it as YYYY-MM, such as 2025-06."
            ) from None
        year, month = first.year, first.month
    return date(year, month, calendar.monthrange(year, month)[1])


def explain(
    settings: Settings, person_id: str, measure: str, month: str | None, payer: str | None
) -> list[str]:
    """The explanation, line by line.

    Raises:
        CareWarehouseError: the member, the measure or the year is not known.
    """
    with read_warehouse(settings) as warehouse:
        known = dict(
            warehouse.execute(
                "select measure_id, max(measure_name) from quality_measure group by measure_id"
            ).fetchall()
        )
        measure_id = measure.upper()
        if measure_id not in known:
            raise CareWarehouseError(f"No measure {measure}. Known: {', '.join(sorted(known))}.")
        years = _rows(warehouse, "select * from int_measure_year order by measure_year", {})
        newest = years[-1]["evaluation_date"]
        assert isinstance(newest, date)
        question = Question(person_id, measure_id, asked_month(month, newest), payer)
        if question.year not in {row["measure_year"] for row in years}:
            told = ", ".join(str(row["measure_year"]) for row in years)
            raise CareWarehouseError(
                f"{question.year} is not measured as of this run; measured are {told}. An earlier"
                " day is replayed with CARE_AS_OF."
            )
        values: dict[str, object] = {
            "person": person_id,
            "payer": payer,
            "month_end": question.month_end,
        }
        members = _rows(warehouse, _MEMBER, values)
        if not members:
            raise CareWarehouseError(f"No member {person_id} was ever delivered to us.")
        lines = [f"{measure_id} {known[measure_id]}, {question.year}"]
        for member in members:
            lines.extend(_of_member(warehouse, question, member))
        return lines


def _of_member(
    warehouse: duckdb.DuckDBPyConnection, question: Question, member: Row
) -> Iterator[str]:
    month = f"{question.month_end:%B %Y}"
    yield f"Member {question.person_id} of {member['payer']}, born {member['birth_date']}"
    cover = "covered" if member["is_covered"] else "not covered"
    if member["program_id"]:
        yield (
            f"  {month}: {cover}, in {member['program_id']} by clinician"
            f" {member['npi']} ({member['reason']})"
        )
    else:
        yield f"  {month}: {cover}, in no program by that month's snapshot"
    rows = _rows(
        warehouse,
        _EXPLAINED,
        {
            "person": question.person_id,
            "measure": question.measure_id,
            "year": question.year,
            "payer": member["payer"],
        },
    )
    if not rows:
        yield (
            f"  Not in any measure of {question.year}: not enrolled at its end, or with more than"
            " one gap, or one of more than 45 days; or in no program in a year that is open"
        )
    for row in rows:
        yield from _of_row(warehouse, question, member, row)


def _of_row(
    warehouse: duckdb.DuckDBPyConnection, question: Question, member: Row, row: Row
) -> Iterator[str]:
    if row["standing"] == "OUT":
        yield "  Out: " + OUT[str(row["reason"])].format(**row)
        return
    event = row["measured_date"] if row["state"] == "EVENT_ONLY" or _is_event(row) else None
    yield f"  In: {row['population']}" + (f" (event of {event})" if event else "")
    if row["standing"] == "EXCLUDED":
        yield f"  Excluded: {str(row['reason']).lower().replace('_', ' ')}"
    elif row["standing"] == "NOT_ENOUGH_DATA":
        yield "  No rate: evidence the measure cannot do without was never delivered"
    else:
        yield "  " + ("Met" if row["is_met"] else "Not met") + f" as of {row['evaluation_date']}"
    yield from _evidence(warehouse, member, row)
    if row["earlier_closed_on"]:
        yield (
            f"  Was closed by a service of {row['earlier_closed_on']}; reopened on"
            f" {row['reopened_on']}, when a delivery took it away"
        )
    elif row["reopened_on"]:
        yield f"  Was excluded until {row['reopened_on']}, when a delivery took the reason away"
    if row["state"] in STATES:
        yield "  Gap: " + STATES[str(row["state"])].format(**row)
    if row["standing"] == "IN":
        yield "  " + state_in_month(row, question.month_end)
    if row["state"] in ("OVERDUE", "DUE_SOON", "OPEN", "MISSED"):
        wanted = str(row["met_by"])
        yield "  Would close it: " + (
            wanted if row["is_higher_better"] else f"that this no longer holds. {wanted}"
        )


def _is_event(row: Row) -> bool:
    measured, year = row["measured_date"], row["measure_year"]
    return isinstance(measured, date) and measured != date(int(str(year)), 12, 31)


def _evidence(warehouse: duckdb.DuckDBPyConnection, member: Row, row: Row) -> Iterator[str]:
    if row["evidence_date"] is None:
        yield "  Evidence: none"
        return
    parts = [f"of {row['evidence_date']}"]
    if isinstance(row["evidence_value"], Decimal):
        parts.append(f"value {row['evidence_value'].normalize():f}")
    if row["evidence_known_on"] is not None:
        parts.append(f"delivered {row['evidence_known_on']}")
    parts.append("by claim" if row["evidence_claim_key"] else "by fill, visit or result")
    yield "  Evidence: " + ", ".join(parts)
    if row["evidence_claim_key"]:
        claim = warehouse.execute(_CLAIM, [row["evidence_claim_key"], member["person_key"]])
        for day, codes, npi in claim.fetchall():
            clinician = npi or "not named"
            yield f"    lines of {day}: {codes or 'no service code'}, clinician {clinician}"


def state_in_month(row: Row, month_end: date) -> str:
    """What held at the end of the month, as known today, from the dates of the row."""
    evidence, evaluated = row["evidence_date"], row["evaluation_date"]
    assert isinstance(evaluated, date)
    if month_end >= evaluated:
        return f"At the end of {month_end:%B %Y}: as above"
    if not row["is_met"]:
        told = "not met"
    elif isinstance(evidence, date) and evidence > month_end:
        told = f"not met yet, the evidence is of {evidence}"
    else:
        told = "met"
    return f"At the end of {month_end:%B %Y}, as known today: {told}"


def _rows(warehouse: duckdb.DuckDBPyConnection, query: str, values: dict[str, object]) -> list[Row]:
    found = warehouse.execute(query, values) if values else warehouse.execute(query)
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
