"""Who is compared in ER use: persons of each panel and market, counted by what they have in common.

What is computed from them does not belong here (`er_use.py`).
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

import duckdb
import numpy as np

from orchestration.outcomes.interval import Patterns, patterns_of
from orchestration.outcomes.standardize import Cell, first_year_of_age


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


@dataclass(frozen=True, order=True)
class Unit:
    """A program, or one partner group of it."""

    program_id: str
    reporting_unit_id: str
    partner_id: str | None

    @property
    def is_program(self) -> bool:
        return self.reporting_unit_id == self.program_id


class Population(NamedTuple):
    """The panel or a market of a unit in one period."""

    unit: Unit
    period_role: str
    comparison: str


Populations = Mapping[Population, Patterns]


def populations_of(rows: Iterable[ErPattern]) -> dict[Population, Patterns]:
    """Rows by the population they are of."""
    grouped: dict[Population, list[tuple[Cell, int, int, int]]] = defaultdict(list)
    for row in rows:
        unit = Unit(row.program_id, row.reporting_unit_id, row.partner_id)
        grouped[Population(unit, row.period_role, row.comparison)].append(
            (row.cell, row.member_months, row.visits, row.persons)
        )
    return {population: patterns_of(of_population) for population, of_population in grouped.items()}


def read_populations(warehouse: duckdb.DuckDBPyConnection) -> dict[Population, Patterns]:
    """`int_er_exposure_pattern` by population; a hundred programs have a million rows.

    Age bands are read as their first year of age.
    """
    warehouse.execute(
        """
        create or replace temp table er_population as
        select
            row_number() over (order by reporting_unit_id, period_role, comparison) - 1 as number,
            *
        from (
            select distinct reporting_unit_id, program_id, partner_id, period_role, comparison
            from int_er_exposure_pattern
        )
        """
    )
    warehouse.execute(
        """
        create or replace temp table er_cell as
        select row_number() over (order by age_band, sex, condition_tier) - 1 as number, *
        from (select distinct age_band, sex, condition_tier from int_er_exposure_pattern)
        """
    )
    named = warehouse.execute(
        """
        select program_id, reporting_unit_id, partner_id, period_role, comparison
        from er_population
        order by number
        """
    ).fetchall()
    cells = [
        Cell(first_year_of_age(band), sex, tier)
        for band, sex, tier in warehouse.execute(
            "select age_band, sex, condition_tier from er_cell order by number"
        ).fetchall()
    ]
    found = warehouse.execute(
        """
        select
            populations.number as population,
            cells.number as cell,
            member_months::bigint as member_months,
            visits::bigint as visits,
            sum(persons)::bigint as persons
        from int_er_exposure_pattern as patterns
        inner join er_population as populations
            using (reporting_unit_id, period_role, comparison)
        inner join er_cell as cells
            on
                patterns.age_band = cells.age_band
                and patterns.sex = cells.sex
                and patterns.condition_tier = cells.condition_tier
        where persons > 0 and member_months > 0
        group by all
        """
    ).fetchnumpy()
    warehouse.execute("drop table er_population")
    warehouse.execute("drop table er_cell")
    # Patterns are in the order of their cells, as `patterns_of` has them.
    ordered = sorted(range(len(cells)), key=lambda number: cells[number])
    place = np.empty(len(cells), dtype=np.int64)
    place[ordered] = np.arange(len(cells))
    columns = {name: np.asarray(found[name]).astype(np.int64) for name in found}
    columns["cell"] = place[columns["cell"]]
    keys = ("visits", "member_months", "cell", "population")
    order = np.lexsort([columns[name] for name in keys])
    columns = {name: column[order] for name, column in columns.items()}
    starts = np.searchsorted(columns["population"], np.arange(len(named) + 1))
    populations = {}
    for number, (program, unit, partner, role, comparison) in enumerate(named):
        part = slice(starts[number], starts[number + 1])
        used, cell = np.unique(columns["cell"][part], return_inverse=True)
        populations[Population(Unit(program, unit, partner), role, comparison)] = Patterns(
            cells=tuple(cells[ordered[one]] for one in used),
            cell=cell.astype(np.int64),
            member_months=columns["member_months"][part],
            visits=columns["visits"][part],
            persons=columns["persons"][part],
        )
    return populations
