"""Cost of panels and markets under a program's terms, person by person (METHODS A.9, H.2, I.1).

Who belongs where is decided in the warehouse; here the terms' cap is applied, and the persons are
added up to risk cells, to the variation of their cost, and to a statement's lines. What is owed
does not belong here.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import sqrt
from pathlib import Path
from typing import NamedTuple

import duckdb
import pyarrow as pa

from orchestration.outcomes.risk import (
    CONDITION_FLAGS,
    LEAST_MONTHS_KNOWN,
    CostExposure,
    RiskCell,
    flags_of,
)
from orchestration.outcomes.standardize import first_year_of_age
from orchestration.payment.money import cents_of, whole_cents
from orchestration.payment.terms import SettlementTerms

PANEL, MARKET = "panel", "market"
BASELINE, PERFORMANCE = "baseline", "performance"
MEMBERS = "settlement_member"
"""Temporary table of `load_members`: a program's persons, by period role and side."""

_SCOPE = pa.schema(
    [
        ("program_id", pa.string()),
        ("payer", pa.string()),
        ("market_area_id", pa.string()),
        ("period_role", pa.string()),
        ("period_id", pa.string()),
        ("is_all_others", pa.bool_()),
        ("include_rx", pa.bool_()),
        ("min_member_months", pa.int32()),
        ("is_cap_prorated", pa.bool_()),
        ("is_cap_trended", pa.bool_()),
        ("cap_cents", pa.int64()),
    ]
)


class CostPattern(NamedTuple):
    """Cost of one program's panel or market in one cell."""

    program_id: str
    period_role: str
    comparison: str
    persons: int
    exposure: CostExposure


@dataclass(frozen=True)
class CostSpread:
    """How a panel member's yearly truncated cost varies (I.7): its CV, and ρ of her two years."""

    variation: float
    correlation: float | None


def load_members(
    warehouse: duckdb.DuckDBPyConnection, terms: Mapping[str, SettlementTerms]
) -> None:
    """Make the temporary table `settlement_member`: one row a program, role, side and person.

    The cap is the terms' truncation; where they say `prorate_cap` times member months / 12, where
    they say `trend_cap` the performance year's moves with the market's uncapped PMPM since the
    baseline. Both are rounded half up to the cent.
    """
    warehouse.register("settlement_scope", _scope(terms))
    warehouse.execute(
        f"""
        create or replace temp table settlement_member_uncapped as
        with
        known as (
            select person_key, as_of_date, {_flag_bits()} as flag_bits
            from int_risk_condition
        ),
        of_period as (
            select members.*, persons.payer, coalesce(known.flag_bits, 0) as flag_bits
            from int_outcome_member_period as members
            inner join int_person as persons on members.person_key = persons.person_key
            left join known
                on
                    members.person_key = known.person_key
                    and known.as_of_date = members.period_id[:10]::date - 1
                    and members.prior_member_months >= {LEAST_MONTHS_KNOWN}
            where members.period_id in (select period_id from settlement_scope)
        )
        select
            scope.program_id,
            scope.period_role,
            case when of_period.program_id = scope.program_id then 'panel' else 'market' end
                as comparison,
            of_period.person_key,
            of_period.sex,
            of_period.age_band_risk as age_band,
            of_period.flag_bits,
            sum(of_period.member_months)::bigint as member_months,
            sum(
                of_period.medical_allowed_cents
                + case when scope.include_rx then of_period.rx_allowed_cents else 0 end
            )::bigint as allowed_cents
        from settlement_scope as scope
        inner join of_period
            on
                of_period.period_id = scope.period_id
                and of_period.payer = scope.payer
                and of_period.prior_member_months >= scope.min_member_months
                and (
                    of_period.program_id is not distinct from scope.program_id
                    or (
                        of_period.market_area_id = scope.market_area_id
                        and (scope.is_all_others or of_period.is_attributed_elsewhere)
                    )
                )
        group by all
        """
    )
    trends = _trended_caps(warehouse, terms)
    warehouse.register("settlement_cap", trends)
    warehouse.execute(
        f"""
        create or replace temp table {MEMBERS} as
        select
            members.*,
            least(
                allowed_cents,
                case
                    when caps.is_cap_prorated
                        then (2 * caps.cap_cents * member_months + 12) // 24
                    else caps.cap_cents
                end
            )::bigint as truncated_cents
        from settlement_member_uncapped as members
        inner join settlement_cap as caps using (program_id, period_role)
        """
    )
    warehouse.execute("drop table settlement_member_uncapped")


def read_cost_patterns(warehouse: duckdb.DuckDBPyConnection) -> list[CostPattern]:
    """The members of `load_members` by risk cell, all programs and periods."""
    found = warehouse.execute(
        f"""
        select
            program_id,
            period_role,
            comparison,
            age_band,
            sex,
            flag_bits,
            count(*) filter (where member_months > 0) as persons,
            sum(member_months)::bigint as member_months,
            sum(truncated_cents)::bigint as truncated_cents,
            sum(
                case
                    when member_months > 0
                        then truncated_cents::hugeint * truncated_cents // member_months
                end
            ) as squared_cents
        from {MEMBERS}
        group by all
        order by all
        """
    ).fetchall()
    return [
        CostPattern(
            program_id=program,
            period_role=role,
            comparison=comparison,
            persons=persons,
            exposure=CostExposure(
                RiskCell(first_year_of_age(band), sex),
                flags_of(bits),
                months,
                cents,
                int(squares or 0),
            ),
        )
        for program, role, comparison, band, sex, bits, persons, months, cents, squares in found
    ]


def read_uncapped_cents(
    warehouse: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str, str], int]:
    """Allowed cents before the cap by program, role and side: the excess is told, not shared."""
    found = warehouse.execute(
        f"""
        select program_id, period_role, comparison, sum(allowed_cents)::bigint
        from {MEMBERS}
        group by all
        """
    ).fetchall()
    return {(program, role, side): cents for program, role, side, cents in found}


def read_cost_spreads(warehouse: duckdb.DuckDBPyConnection) -> dict[str, CostSpread]:
    """Each panel's CV of a member's truncated cost and its correlation with her baseline year.

    Sums of squares are exact integers; a panel of fewer than two members has no spread.
    """
    found = warehouse.execute(
        f"""
        with
        panel as (
            select * from {MEMBERS} where comparison = 'panel' and member_months > 0
        ),
        now as (
            select * from panel where period_role = 'performance'
        ),
        two_years as (
            select
                now.program_id,
                count(*) as persons,
                sum(now.truncated_cents)::hugeint as x,
                sum(base.truncated_cents)::hugeint as y,
                sum(now.truncated_cents::hugeint * now.truncated_cents) as xx,
                sum(base.truncated_cents::hugeint * base.truncated_cents) as yy,
                sum(now.truncated_cents::hugeint * base.truncated_cents) as xy
            from now
            inner join panel as base
                on
                    now.program_id = base.program_id
                    and now.person_key = base.person_key
                    and base.period_role = 'baseline'
            group by now.program_id
        ),
        alone as (
            select
                program_id,
                count(*) as persons,
                sum(truncated_cents)::hugeint as x,
                sum(truncated_cents::hugeint * truncated_cents) as xx
            from now
            group by program_id
        )
        select
            alone.program_id, alone.persons, alone.x, alone.xx,
            two_years.persons, two_years.x, two_years.y,
            two_years.xx, two_years.yy, two_years.xy
        from alone
        left join two_years on alone.program_id = two_years.program_id
        """
    ).fetchall()
    spreads = {}
    for program_id, count, total, squares, *joint in found:
        if count < 2 or total <= 0:
            continue
        variance = Fraction(int(count) * int(squares) - int(total) ** 2, count * (count - 1))
        mean = Fraction(int(total), count)
        spreads[program_id] = CostSpread(sqrt(variance) / float(mean), _correlation(joint))
    return spreads


class MemberLines(NamedTuple):
    """What the lines of a statement add up to."""

    rows: int
    member_months: int
    truncated_cents: int


def write_member_lines(
    warehouse: duckdb.DuckDBPyConnection, program_id: str, path: Path
) -> MemberLines:
    """Write the panel's lines as CSV, ordered by person and period, and add them up.

    Identified: for the restricted part of a statement. Amounts are exact dollars. An id that a
    spreadsheet would take for a formula stands behind an apostrophe.
    """
    warehouse.execute(
        f"""
        copy (
            select
                case
                    when persons.person_id[1] in ('=', '+', '-', '@') then chr(39) || person_id
                    else person_id
                end as person_id,
                period_role,
                member_months,
                (allowed_cents::decimal(18, 0) * 0.01::decimal(3, 2))::decimal(18, 2)
                    as allowed_amount,
                (truncated_cents::decimal(18, 0) * 0.01::decimal(3, 2))::decimal(18, 2)
                    as truncated_amount
            from {MEMBERS}
            inner join int_person as persons using (person_key)
            where program_id = {text_literal(program_id)} and comparison = 'panel'
            order by persons.person_id, period_role
        ) to {text_literal(path)} (format csv, header)
        """
    )
    path.chmod(0o600)
    ((rows, months, cents),) = warehouse.execute(
        f"""
        select count(*), coalesce(sum(member_months), 0), coalesce(sum(truncated_cents), 0)
        from {MEMBERS}
        where program_id = ? and comparison = 'panel'
        """,
        [program_id],
    ).fetchall()
    return MemberLines(int(rows), int(months), int(cents))


class DisputedLines(NamedTuple):
    """What the lines in dispute add up to."""

    rows: int
    member_months: int
    performance_months: int
    truncated_cents: int


def write_disputed_lines(
    warehouse: duckdb.DuckDBPyConnection,
    lines: Path,
    in_dispute: Sequence[tuple[str, str]],
    path: Path,
) -> DisputedLines:
    """Copy the lines of `members.csv` that are in dispute, and add them up.

    A line that the statement no longer has (a restatement took it away) is not held.
    """
    warehouse.execute(
        f"""
        create or replace temp table disputed_line as
        select lines.*
        from read_csv({text_literal(lines)}, header = true, all_varchar = true) as lines
        inner join (
            select unnest($persons::varchar[]) as person_id, unnest($roles::varchar[])
                as period_role
        ) as disputed using (person_id, period_role)
        """,
        {
            "persons": [person for person, _ in in_dispute],
            "roles": [role for _, role in in_dispute],
        },
    )
    warehouse.execute(
        "copy (from disputed_line order by person_id, period_role) "
        f"to {text_literal(path)} (format csv, header)"
    )
    path.chmod(0o600)
    ((rows, months, performance, cents),) = warehouse.execute(
        """
        select
            count(*),
            coalesce(sum(member_months::bigint), 0),
            coalesce(sum(member_months::bigint) filter (where period_role = 'performance'), 0),
            coalesce(sum((truncated_amount::decimal(18, 2) * 100)::bigint), 0)
        from disputed_line
        """
    ).fetchall()
    return DisputedLines(int(rows), int(months), int(performance), int(cents))


def text_literal(value: Path | str) -> str:
    """A text as SQL writes it, for statements that take no parameter."""
    return "'" + str(value).replace("'", "''") + "'"


def _flag_bits() -> str:
    """The flags of a row of int_risk_condition as one number (`flags_of`)."""
    return " + ".join(f"(has_{flag}::int << {place})" for place, flag in enumerate(CONDITION_FLAGS))


def _scope(terms: Mapping[str, SettlementTerms]) -> pa.Table:
    rows = [
        {
            "program_id": program_id,
            "payer": of_program.payer,
            "market_area_id": of_program.market_area_id,
            "period_role": role,
            "period_id": f"{start}_{end}",
            "is_all_others": of_program.savings_market_basis == "all_others",
            "include_rx": of_program.include_rx,
            "min_member_months": of_program.min_member_months,
            "is_cap_prorated": of_program.prorate_cap,
            "is_cap_trended": of_program.trend_cap,
            "cap_cents": cents_of(of_program.truncation),
        }
        for program_id, of_program in sorted(terms.items())
        for role, start, end in of_program.roles()
    ]
    return pa.Table.from_pylist(rows, schema=_SCOPE)


def _trended_caps(
    warehouse: duckdb.DuckDBPyConnection, terms: Mapping[str, SettlementTerms]
) -> pa.Table:
    rows = _scope(terms).to_pylist()
    if any(row["is_cap_trended"] for row in rows):
        found = warehouse.execute(
            """
            select program_id, period_role, sum(allowed_cents)::bigint, sum(member_months)::bigint
            from settlement_member_uncapped
            where comparison = 'market'
            group by all
            """
        ).fetchall()
        markets = {(program, role): (cents, months) for program, role, cents, months in found}
        for row in rows:
            base = markets.get((row["program_id"], BASELINE))
            own = markets.get((row["program_id"], row["period_role"]))
            if row["is_cap_trended"] and base and own and base[0] > 0 and own[1] > 0:
                trend = Fraction(own[0], own[1]) / Fraction(base[0], base[1])
                row["cap_cents"] = whole_cents(row["cap_cents"] * trend)
    return pa.Table.from_pylist(rows, schema=_SCOPE)


def _correlation(joint: Sequence[int | None]) -> float | None:
    """Pearson's ρ from count, Σx, Σy, Σx², Σy², Σxy; None without members of both years."""
    sums = [int(value) for value in joint if value is not None]
    if len(sums) < len(joint):
        return None
    count, x, y, xx, yy, xy = sums
    of_x, of_y = count * xx - x * x, count * yy - y * y
    return None if of_x <= 0 or of_y <= 0 else (count * xy - x * y) / sqrt(of_x) / sqrt(of_y)


def persons_of(patterns: Iterable[CostPattern]) -> int:
    """Persons with a member month."""
    return sum(pattern.persons for pattern in patterns)
