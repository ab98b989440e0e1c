"""Cost by service category versus market, split into price and use (METHODS H.9, I.1).

Cost is allowed cents of the performance year as claimed: neither capped nor completed, which is the
same for panel and market. Use is what the panel had at the market's average price of each procedure
and drug; price is the rest. What is not coded (room and board) is counted by the line, drugs by
days of supply.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import duckdb

from orchestration.outcomes.agreements import Agreement
from orchestration.outcomes.er_row import ATTRIBUTED_ELSEWHERE, INSUFFICIENT, PANEL
from orchestration.outcomes.outcome_row import COST_GROUPS, ER_ALL, OutcomeRow
from orchestration.outcomes.standardize import Cell, first_year_of_age
from orchestration.outcomes.use import UseCell, compare_use, sides_of

FEWEST_WITH_COST = 50
"""People with cost of a category on each side, below which nothing is said of it."""

_OUTCOMES = tuple(COST_GROUPS)
_EVERYTHING = _OUTCOMES.index("cost_all")
_OTHER = _OUTCOMES.index("cost_other")
_GROUP_OF = {
    category: number
    for number, (_, categories) in enumerate(COST_GROUPS.values())
    if number != _EVERYTHING
    for category in categories
}


@dataclass(frozen=True)
class Costs:
    """By program and outcome: cells of each side, people with cost, and cents at market prices."""

    cells: Mapping[tuple[str, str, str], Sequence[UseCell]]
    people: Mapping[tuple[str, str, str], int]
    at_market_prices: Mapping[tuple[str, str], tuple[int, int]]


def compare_costs(agreement: Agreement, costs: Costs) -> list[OutcomeRow]:
    """One row a group of service categories, on the agreement's basis for inference."""
    basis = agreement.terms.er.inference_basis
    program_id = agreement.program_id
    rows = []
    for outcome in COST_GROUPS:
        sides = (PANEL, basis)
        panel, market = (costs.cells.get((program_id, outcome, side), ()) for side in sides)
        people = [costs.people.get((program_id, outcome, side), 0) for side in sides]
        row = compare_use(agreement, outcome, basis, panel, market)
        row = replace(row, panel_count=people[0], market_count=people[1], expected_count=None)
        if min(people) < FEWEST_WITH_COST:
            reason = f"fewer than {FEWEST_WITH_COST} people with such cost on a side"
            reasons = [one for one in (row.insufficient_reasons, reason) if one]
            row = replace(row, verdict=INSUFFICIENT, insufficient_reasons=", ".join(reasons))
        actual, at_market = costs.at_market_prices.get((program_id, outcome), (0, 0))
        if row.verdict != INSUFFICIENT and row.ratio and actual > 0 and at_market > 0:
            price = actual / at_market
            row = replace(row, price_ratio=price, use_ratio=row.ratio / price)
        rows.append(row)
    return rows


def read_costs(
    warehouse: duckdb.DuckDBPyConnection,
    agreements: Sequence[Agreement],
    used: Mapping[tuple[str, str, str], Sequence[UseCell]],
) -> Costs:
    """Cost of every program's panel and market; `used` tells who has none (`use.read_use`).

    Uses the program periods that `use.load_events` registered.
    """
    _load_lines(warehouse)
    cells, people = _read_cells(warehouse, used)
    bases = {one.program_id: one.terms.er.inference_basis for one in agreements}
    found = Costs(cells, people, _read_prices(warehouse, bases))
    for table in ("cost_line", "cost_member", "cost_place"):
        warehouse.execute(f"drop table {table}")
    return found


def _load_lines(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Temporary `cost_line`: lines and fills of the performance years by who had them where.

    `cost_member` has a number for each person and place of a period, `cost_place` for each place.
    Places and codes are compared by their hash: a hundredth of the text, and a person has few.
    """
    place = "hash(program_id, market_area_id, is_attributed_elsewhere)"
    warehouse.execute(
        f"""
        create or replace temp table cost_place as
        select (row_number() over () - 1)::int as place_number, {place} as place_hash, *
        from (
            select distinct
                members.period_id,
                persons.payer,
                members.program_id,
                members.market_area_id,
                members.is_attributed_elsewhere
            from int_outcome_member_period as members
            inner join int_person as persons on members.person_key = persons.person_key
            where members.period_id in (select period_id from outcome_scope)
        )
        """
    )
    warehouse.execute(
        f"""
        create or replace temp table cost_member as
        select
            (row_number() over () - 1)::int as member_number,
            places.place_number,
            places.place_hash,
            members.person_key,
            members.period_id,
            persons.payer,
            members.program_id,
            members.market_area_id,
            members.is_attributed_elsewhere,
            members.age_band_er,
            members.sex,
            members.condition_count,
            members.member_months,
            members.prior_member_months
        from (
            select *, {place} as place_hash
            from int_outcome_member_period
            where period_id in (select period_id from outcome_scope) and member_months > 0
        ) as members
        inner join int_person as persons on members.person_key = persons.person_key
        inner join cost_place as places
            on
                members.period_id = places.period_id
                and persons.payer = places.payer
                and members.place_hash = places.place_hash
        where members.program_id is not null or members.market_area_id is not null
        """
    )
    warehouse.execute(
        f"""
        create or replace temp table cost_line as
        with
        periods as (
            select distinct
                period_id,
                12 * year(first_day) + month(first_day) - 1 as first_month,
                12 * year(last_day) + month(last_day) - 1 as last_month
            from outcome_scope
        ),
        bounds as (
            select min(first_day) as first_day, max(last_day) as last_day from outcome_scope
        ),
        months as (
            select person_key, month_number, {place} as place_hash
            from int_outcome_member_month
            where
                member_months = 1
                and month_number between (select min(first_month) from periods)
                and (select max(last_month) from periods)
        ),
        member_months as (
            select
                months.person_key, months.month_number, members.member_number, members.place_number
            from months
            inner join cost_member as members
                on
                    months.person_key = members.person_key
                    and months.place_hash = members.place_hash
            inner join periods
                on
                    members.period_id = periods.period_id
                    and months.month_number between periods.first_month and periods.last_month
        ),
        bought as (
            select
                lines.person_key,
                lines.incurred_date as bought_on,
                lines.service_category,
                hash(coalesce(lines.hcpcs_code, '')) as code_hash,
                1 as quantity,
                lines.allowed_cents
            from int_claim_line as lines
            cross join bounds
            where
                lines.is_counted
                and lines.incurred_date between bounds.first_day and bounds.last_day
            union all
            select
                fills.person_key, fills.fill_date, 0, hash(coalesce(fills.ndc_code, '')),
                greatest(fills.days_supply, 1), fills.allowed_cents
            from int_pharmacy_fill as fills
            cross join bounds
            where fills.fill_date between bounds.first_day and bounds.last_day
        )
        select
            member_months.member_number,
            member_months.place_number,
            bought.service_category::tinyint as service_category,
            bought.code_hash,
            bought.quantity,
            bought.allowed_cents
        from bought
        inner join member_months
            on
                bought.person_key = member_months.person_key
                and member_months.month_number
                = 12 * year(bought.bought_on) + month(bought.bought_on) - 1
        """
    )


def _read_cells(
    warehouse: duckdb.DuckDBPyConnection, used: Mapping[tuple[str, str, str], Sequence[UseCell]]
) -> tuple[dict[tuple[str, str, str], list[UseCell]], dict[tuple[str, str, str], int]]:
    """Cells of each program, group of categories and side, and people with such cost."""
    found = warehouse.execute(
        f"""
        with
        of_group as (
            select
                member_number,
                {_group_case("service_category")} as group_number,
                sum(allowed_cents)::bigint as cents
            from cost_line
            group by all
        ),
        of_member as (
            select * from of_group
            union all
            select member_number, {_EVERYTHING}, sum(cents)::bigint
            from of_group
            group by member_number
        ),
        of_cell as (
            select
                members.place_number,
                members.age_band_er,
                members.sex,
                members.condition_count,
                members.member_months,
                members.prior_member_months,
                of_member.group_number,
                count(*) as persons,
                sum(of_member.cents)::bigint as cents,
                sum(of_member.cents::hugeint * of_member.cents) as squares
            from of_member
            inner join cost_member as members on of_member.member_number = members.member_number
            where of_member.cents > 0
            group by all
        )
        select
            scope.program_id,
            of_cell.group_number,
            places.program_id is not distinct from scope.program_id as is_panel,
            places.is_attributed_elsewhere,
            of_cell.age_band_er,
            of_cell.sex,
            of_cell.condition_count,
            of_cell.member_months,
            sum(of_cell.persons)::bigint as persons,
            sum(of_cell.cents)::bigint as cents,
            sum(of_cell.squares) as squares
        from outcome_scope as scope
        inner join cost_place as places
            on
                scope.period_id = places.period_id
                and scope.payer = places.payer
                and (places.program_id = scope.program_id or places.market_area_id = scope.area)
        inner join of_cell
            on
                places.place_number = of_cell.place_number
                and of_cell.prior_member_months >= scope.least_months
        group by all
        order by all
        """
    ).fetchall()
    sums: dict[tuple[str, str, str], dict[tuple[Cell, int], tuple[int, int]]] = defaultdict(dict)
    people: dict[tuple[str, str, str], int] = defaultdict(int)
    for program, number, is_panel, elsewhere, band, sex, tier, months, *counts in found:
        persons, cents, squares = (int(count) for count in counts)
        at = (Cell(first_year_of_age(band), sex, tier), months)
        for side in sides_of(is_panel, elsewhere):
            key = (program, _OUTCOMES[number], side)
            before = sums[key].get(at, (0, 0))
            sums[key][at] = (before[0] + cents, before[1] + squares)
            people[key] += persons
    cells: dict[tuple[str, str, str], list[UseCell]] = {}
    for (program, outcome, side), of_key in sums.items():
        everybody: dict[tuple[Cell, int], int] = defaultdict(int)
        for one in used.get((program, ER_ALL, side), ()):
            everybody[one.cell, one.member_months] += one.persons
        cells[program, outcome, side] = [
            UseCell(cell, months, persons, *of_key.get((cell, months), (0, 0)))
            for (cell, months), persons in sorted(everybody.items())
        ]
    return cells, dict(people)


def _read_prices(
    warehouse: duckdb.DuckDBPyConnection, bases: Mapping[str, str]
) -> dict[tuple[str, str], tuple[int, int]]:
    """By program and outcome: the panel's cents, and what they would be at market prices.

    A code that the market did not have keeps the panel's own price. Each code is rounded to the
    cent, so that sums are exact.
    """
    elsewhere = ", ".join(
        f"'{program}'" for program, basis in sorted(bases.items()) if basis == ATTRIBUTED_ELSEWHERE
    )
    found = warehouse.execute(
        f"""
        with
        of_place as (
            select
                place_number,
                service_category,
                code_hash,
                sum(quantity) as quantity,
                sum(allowed_cents) as cents
            from cost_line
            group by all
        ),
        of_side as (
            select
                scope.program_id,
                places.program_id is not distinct from scope.program_id as is_panel,
                of_place.service_category,
                of_place.code_hash,
                sum(of_place.quantity)::double as quantity,
                sum(of_place.cents)::double as cents
            from outcome_scope as scope
            inner join cost_place as places
                on
                    scope.period_id = places.period_id
                    and scope.payer = places.payer
                    and (
                        places.program_id = scope.program_id
                        or (
                            places.market_area_id = scope.area
                            and places.program_id is distinct from scope.program_id
                            and (
                                places.is_attributed_elsewhere
                                or scope.program_id not in ({elsewhere or "''"})
                            )
                        )
                    )
            inner join of_place on places.place_number = of_place.place_number
            group by all
        ),
        of_code as (
            select
                panels.program_id,
                {_group_case("panels.service_category")} as group_number,
                panels.cents::bigint as cents,
                case
                    when markets.quantity > 0
                        then round(panels.quantity * (markets.cents / markets.quantity))
                    else panels.cents
                end::bigint as cents_at_market_prices
            from of_side as panels
            left join of_side as markets
                on
                    panels.program_id = markets.program_id
                    and not markets.is_panel
                    and panels.service_category = markets.service_category
                    and panels.code_hash = markets.code_hash
            where panels.is_panel
        )
        select program_id, group_number, sum(cents)::bigint, sum(cents_at_market_prices)::bigint
        from of_code
        group by all
        union all
        select
            program_id, {_EVERYTHING}, sum(cents)::bigint, sum(cents_at_market_prices)::bigint
        from of_code
        group by program_id
        """
    ).fetchall()
    return {
        (program, _OUTCOMES[number]): (cents, at_market)
        for program, number, cents, at_market in found
    }


def _group_case(category: str) -> str:
    """SQL that numbers the group of a service category."""
    lines = " ".join(f"when {number} then {group}" for number, group in sorted(_GROUP_OF.items()))
    return f"(case {category} {lines} else {_OTHER} end)::tinyint"
