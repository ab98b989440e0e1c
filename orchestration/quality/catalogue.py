"""docs/measures.md: every measure, where it is defined, whom it concerns, its rate, its limits.

Everything but the rates comes from the seeds `quality_measure` and `measure_definition`; the rates
are those of the programs' panels in the warehouse, for the newest year that has ended. A test holds
the file to the seeds.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from orchestration.settings import PROJECT_ROOT, Settings
from orchestration.warehouse import read_warehouse

PAGE = PROJECT_ROOT / "docs" / "measures.md"
SEEDS = PROJECT_ROOT / "dbt_project" / "seeds"
RATE_MARK = "Rate in the demo: "
BASIS_MARK = "Rates below: "

_INTRODUCTION = """# Quality measures

Written by `python -m orchestration measures`; edit the seeds `quality_measure` and
`measure_definition`, not this page. Sections are METHODS'. Every measure also leaves out hospice,
palliative care, death in the year, and from 66 on frailty with advanced illness; it asks for cover
of the year with one gap of 45 days at most, unless another cover is named. Codes are the short
public lists of seeds `clinical_value_set` and `drug_class`: not licensed value sets, and not
clinically validated. Rates are of simulated members and mean nothing beyond that they are found.
"""
COVERS = {
    "since_october": "the 27 months since October two years before",
    "rx": "pharmacy cover of the year",
    "two_years": "the year and the one before",
    "two_years_rx": "medical and pharmacy cover of the year and the one before",
}


@dataclass(frozen=True)
class Rate:
    """Members or events of all panels that count, and that meet the measure, in one year."""

    year: int
    numerator: int
    denominator: int


@dataclass(frozen=True)
class Basis:
    """What the rates stand on: members ever covered, of them in a panel of a measured year."""

    members: int
    panel_members: int
    as_of: date

    def text(self) -> str:
        return (
            f"{self.members:,} members, {self.panel_members:,} of them in panels of the measured"
            f" years, as of {self.as_of}."
        )


def measure_page(rates: Mapping[str, Rate], basis: Basis | None = None) -> str:
    """The page; a measure without a rate says that nobody was measured."""
    definitions = {row["measure_id"]: row for row in _seed("measure_definition")}
    versions: dict[str, list[dict[str, str]]] = {}
    for row in _seed("quality_measure"):
        versions.setdefault(row["measure_id"], []).append(row)
    parts = [_INTRODUCTION, f"{BASIS_MARK}{basis.text() if basis else 'of no data.'}\n"]
    for measure_id, rows in versions.items():
        newest, told = rows[-1], definitions[measure_id]
        is_higher_better = newest["is_higher_better"] == "true"
        lines = [
            f"## {measure_id} {newest['measure_name']}",
            "",
            f"- {newest['section']}, {newest['measure_family']}, weight {newest['weight']};"
            f" {'higher' if is_higher_better else 'lower'} is better;"
            f" versions {', '.join(row['measure_version'] for row in rows)}",
            f"- Population: {told['population']}",
            f"- {'Met by' if is_higher_better else 'Counted'}: {told['met_by']}",
        ]
        if newest["enrolment"] in COVERS:
            lines.append(f"- Cover: {COVERS[newest['enrolment']]}")
        if told["left_out"]:
            lines.append(f"- Left out: {told['left_out']}")
        if told["simplified"]:
            lines.append(f"- Simplified: {told['simplified']}")
        rate = rates.get(measure_id)
        lines.append("- " + RATE_MARK + (_rate_text(rate) if rate else "nobody was measured"))
        parts.append("\n".join(lines) + "\n")
    return "\n".join(parts)


def without_rates(page: str) -> str:
    """The page with its rates blanked, to compare what does not depend on data."""
    blank = re.compile(f"({re.escape(RATE_MARK)}|{re.escape(BASIS_MARK)}).*")
    return "\n".join(blank.sub(r"\1", line) for line in page.splitlines())


def data_basis(settings: Settings) -> Basis:
    """How much data the warehouse holds: a rate of a small one is a matter of chance."""
    with read_warehouse(settings) as warehouse:
        (row,) = warehouse.execute(
            """
            select
                (select count(*) from int_person),
                (
                    select count(distinct person_key)
                    from int_quality_member
                    where program_id is not null
                ),
                (select as_of from stg_ledger__run)
            """
        ).fetchall()
    return Basis(*row)


def panel_rates(settings: Settings) -> dict[str, Rate]:
    """Rates of all programs' panels together, of the newest ended year of each measure."""
    with read_warehouse(settings) as warehouse:
        rows = warehouse.execute(
            """
            select measure_id, measure_year, sum(numerator_count), sum(denominator_count)
            from agg_quality_measure
            where population = 'panel' and practice_id is null and is_measurable
            group by measure_id, measure_year
            having sum(denominator_count) > 0
            order by measure_id, measure_year
            """
        ).fetchall()
    return {row[0]: Rate(row[1], int(row[2]), int(row[3])) for row in rows}


def write_page(settings: Settings) -> Path:
    """Write docs/measures.md with the rates of this installation and what they stand on."""
    PAGE.write_text(measure_page(panel_rates(settings), data_basis(settings)))
    return PAGE


def _rate_text(rate: Rate) -> str:
    percent = 100 * rate.numerator / rate.denominator
    return f"{percent:.1f} % ({rate.numerator:,} of {rate.denominator:,}, {rate.year})"


def _seed(name: str) -> list[dict[str, str]]:
    with (SEEDS / f"{name}.csv").open(newline="") as rows:
        return list(csv.DictReader(rows))
