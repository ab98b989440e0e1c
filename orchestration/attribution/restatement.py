"""Kept snapshots against what is known today: who was added or dropped, and by what (METHODS B.7).

Three bases of a month: as known (the kept snapshot), restated (all that is known today), adjusted
(the kept snapshot with corrections of eligibility and rosters that are not too late): new claims
alone do not reopen a month, unless the terms say `claims_reopen`. What is paid for a difference
does not belong here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import duckdb

from orchestration.attribution.snapshots import Kept, kept_snapshots, panels_of
from orchestration.checks import RunInputs
from orchestration.ingest import ledger
from orchestration.outcomes.agreements import Agreement
from orchestration.settings import Settings

RESTATEMENT_FILE = "attribution_restatement.parquet"

Cause = Literal["ELIGIBILITY", "ROSTER", "TERMS", "CLAIMS"]
"""What differs first, in this order, between what was known then and what is known today."""


@dataclass(frozen=True)
class MonthRestatement:
    """One program's snapshot of a month on the three bases; `changes` by change and cause."""

    program_id: str
    month: str
    known_on: str
    as_known: int
    restated: int
    adjusted: int
    changes: Mapping[tuple[str, str], int]


def restate(
    settings: Settings,
    warehouse: duckdb.DuckDBPyConnection,
    inputs: RunInputs,
    agreements: Sequence[Agreement],
) -> list[MonthRestatement]:
    """Compare every kept snapshot with today's; leaves each difference in `attribution_delta`.

    Snapshots first known on a later day than the run's are left out: a replay of an earlier day
    restates nothing. So are those kept by a run of the same inputs, which cannot differ, and those
    of programs without an agreement in the run.
    """
    by_program = {agreement.program_id: agreement for agreement in agreements}
    kept = [
        one
        for one in kept_snapshots(settings)
        if one.program_id in by_program
        and one.known_on <= inputs.as_of
        and one.input_version != inputs.input_version
    ]
    _create_delta(warehouse)
    if not kept:
        return []
    panels_of(warehouse, agreements)
    _read_kept(warehouse, kept, by_program, inputs)
    warehouse.execute(_DIFFERENCES)
    ((count,),) = warehouse.execute("select count(*) from attribution_changed").fetchall()
    if count:
        _find_causes(settings, warehouse, kept)
    return _by_month(warehouse)


def write_restatement(warehouse: duckdb.DuckDBPyConnection, path: Path) -> None:
    """Write every difference that `restate` found, person by person; identified."""
    warehouse.execute(
        f"copy (select * from attribution_delta order by all) to {_text(str(path))} "
        "(format parquet, compression zstd)"
    )


def _create_delta(warehouse: duckdb.DuckDBPyConnection) -> None:
    warehouse.execute(
        """
        create or replace temp table attribution_delta (
            program_id varchar,
            month varchar,
            payer varchar,
            person_id varchar,
            change varchar,
            cause varchar,
            npi_known varchar,
            npi_restated varchar,
            known_on date,
            is_adjusted boolean
        )
        """
    )


def _read_kept(
    warehouse: duckdb.DuckDBPyConnection,
    kept: Sequence[Kept],
    by_program: Mapping[str, Agreement],
    inputs: RunInputs,
) -> None:
    """Put kept snapshots and their members into `kept_month` and `kept_member`."""
    warehouse.execute(
        "create or replace temp table kept_month (program_id varchar, payer varchar, month varchar,"
        " snapshot_number integer, file varchar, known_on date, is_open boolean,"
        " reopens_for_claims boolean, known integer)"
    )
    this_month = 12 * inputs.as_of.year + inputs.as_of.month - 1
    versions = {version: at for at, version in enumerate(sorted({_known_by(one) for one in kept}))}
    warehouse.executemany(
        "insert into kept_month values (?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (
                one.program_id,
                by_program[one.program_id].program.payer,
                one.month,
                one.snapshot_number,
                str(one.path),
                one.known_on,
                # The month a snapshot is paid for, as the fee counts it (L.3).
                this_month
                - one.snapshot_number
                - by_program[one.program_id].terms.attribution.outcome_lag_months
                <= by_program[one.program_id].terms.attribution.retro_window,
                by_program[one.program_id].terms.attribution.claims_reopen,
                versions[_known_by(one)],
            )
            for one in kept
        ],
    )
    warehouse.execute(
        """
        create or replace temp table kept_member as
        select months.program_id, months.snapshot_number, members.person_id, members.npi,
               members.step
        from read_parquet($files, filename = true) as members
        inner join kept_month as months on members.filename = months.file
        """,
        {"files": [str(one.path) for one in kept]},
    )


def _known_by(one: Kept) -> tuple[tuple[str, ...], ...]:
    return tuple(one.deliveries[feed] for feed in sorted(one.deliveries))


_DIFFERENCES = """
    create or replace temp table attribution_changed as
    with
    now as (
        select panels.*
        from attribution_panel as panels
        inner join kept_month as months
            on
                panels.program_id = months.program_id
                and panels.snapshot_number = months.snapshot_number
    ),
    changed as (
        select
            coalesce(kept.program_id, now.program_id) as program_id,
            coalesce(kept.snapshot_number, now.snapshot_number) as snapshot_number,
            coalesce(kept.person_id, now.person_id) as person_id,
            case when kept.person_id is null then 'ADDED' else 'DROPPED' end as change,
            kept.npi as npi_known,
            now.npi as npi_restated
        from kept_member as kept
        full outer join now
            on
                kept.program_id = now.program_id
                and kept.snapshot_number = now.snapshot_number
                and kept.person_id = now.person_id
        where kept.person_id is null or now.person_id is null
    )
    select
        changed.program_id,
        changed.snapshot_number,
        changed.person_id,
        changed.change,
        changed.npi_known,
        -- Of a dropped member: the clinician she belongs to today, if to any.
        coalesce(changed.npi_restated, lpad(decided.npi::varchar, 10, '0')) as npi_restated,
        months.payer,
        months.month,
        months.known,
        months.known_on,
        months.is_open,
        months.reopens_for_claims,
        last_day(make_date(
            (changed.snapshot_number // 12)::int, (changed.snapshot_number % 12 + 1)::int, 1
        )) as snapshot_date
    from changed
    inner join kept_month as months
        on
            changed.program_id = months.program_id
            and changed.snapshot_number = months.snapshot_number
    left join int_person as persons
        on months.payer = persons.payer and changed.person_id = persons.person_id
    left join int_attribution_decided as decided
        on
            persons.person_key = decided.person_key
            and changed.snapshot_number = decided.snapshot_number
"""


def _find_causes(
    settings: Settings, warehouse: duckdb.DuckDBPyConnection, kept: Sequence[Kept]
) -> None:
    """Fill `attribution_delta`: the first of B.7's causes that differs between then and now.

    Eligibility is what was known of the member's cover and choice up to the month, rosters what was
    known of the two clinicians; both as rows of the ledger, so no rule is repeated here.
    """
    warehouse.execute(
        "create or replace temp table knowing (known integer, feed varchar, delivery_id varchar)"
    )
    known = {version: at for at, version in enumerate(sorted({_known_by(one) for one in kept}))}
    told = {known[_known_by(one)]: one.deliveries for one in kept}
    rows = [
        (at, feed, delivery)
        for at, deliveries in told.items()
        for feed, some in deliveries.items()
        for delivery in some
    ]
    warehouse.executemany("insert into knowing values (?, ?, ?)", rows)
    # Number -1 is today.
    warehouse.execute(
        "insert into knowing select -1, feed, delivery_id from read_parquet(?) where is_selected",
        [str(settings.inputs_dir / "delivery.parquet")],
    )
    wanted = {delivery for (delivery,) in _all(warehouse, "select delivery_id from knowing")}
    entries = [one for one in ledger.read_entries(settings) if one.delivery_id in wanted]
    files = {
        feed: [str(ledger.rows_path(settings, one)) for one in entries if one.feed == feed]
        for feed in ("eligibility", "provider_roster")
    }
    for feed, paths in files.items():
        paths.append(str(settings.ledger_dir / feed / "_schema" / "_" / "empty.parquet"))
    orders = str(settings.inputs_dir / "delivery.parquet")
    warehouse.execute(_CAUSES, {**files, "orders": orders})


def _all(warehouse: duckdb.DuckDBPyConnection, query: str) -> list[tuple[str, ...]]:
    return warehouse.execute(query).fetchall()


_CAUSES = """
    insert into attribution_delta
    with
    deliveries as (
        select delivery_id, delivery_order from read_parquet($orders)
    ),
    pairs as (
        select distinct program_id, payer, person_id, snapshot_date, known
        from attribution_changed
    ),
    sides as (
        select *, known as side, false as is_now from pairs
        union all
        select *, -1 as side, true as is_now from pairs
    ),
    -- The newest row of every span, as known on either side; an end after the month says nothing.
    spans as (
        select
            sides.program_id,
            sides.person_id,
            sides.snapshot_date,
            sides.known,
            sides.is_now,
            hash(
                rows.product,
                rows.coverage_type,
                rows.coverage_start_date,
                least(rows.coverage_end_date, rows.death_date, sides.snapshot_date),
                rows.state,
                case when rows.selected_pcp_date <= sides.snapshot_date
                    then rows.selected_pcp_npi
                end,
                case when rows.selected_pcp_date <= sides.snapshot_date
                    then rows.selected_pcp_date
                end
            ) as fact
        from sides
        inner join knowing on sides.side = knowing.known and knowing.feed = 'eligibility'
        inner join read_parquet($eligibility, union_by_name = true) as rows
            on
                knowing.delivery_id = rows.delivery_id
                and sides.payer = rows.payer
                and sides.person_id = rows.person_id
        inner join deliveries on rows.delivery_id = deliveries.delivery_id
        where rows.coverage_start_date <= sides.snapshot_date
        qualify row_number() over (
            partition by
                sides.program_id, sides.person_id, sides.snapshot_date, sides.known, sides.is_now,
                rows.product, rows.coverage_type, rows.coverage_start_date
            order by deliveries.delivery_order desc, rows.row_number desc
        ) = 1
    ),
    -- A hash summed over the spans of a side is the same exactly where the spans are.
    cover as (
        select
            program_id, person_id, snapshot_date, known,
            sum(fact::hugeint) filter (is_now) as now_known,
            sum(fact::hugeint) filter (not is_now) as then_known
        from spans
        group by all
    ),
    clinicians as (
        select distinct program_id, payer, snapshot_date, known, npi
        from (
            select program_id, payer, snapshot_date, known,
                   unnest([npi_known, npi_restated]) as npi
            from attribution_changed
        )
        where npi is not null
    ),
    listed as (
        select
            clinicians.program_id,
            clinicians.npi,
            clinicians.snapshot_date,
            clinicians.known,
            sum(hash(
                rows.source_id, rows.program_id, rows.tin, rows.role, rows.specialty_code,
                rows.taxonomy_code, rows.roster_start_date,
                least(rows.roster_end_date, clinicians.snapshot_date)
            )::hugeint) filter (knowing.known = -1) as now_known,
            sum(hash(
                rows.source_id, rows.program_id, rows.tin, rows.role, rows.specialty_code,
                rows.taxonomy_code, rows.roster_start_date,
                least(rows.roster_end_date, clinicians.snapshot_date)
            )::hugeint) filter (knowing.known >= 0) as then_known
        from clinicians
        inner join knowing
            on
                knowing.feed = 'provider_roster'
                and knowing.known in (-1, clinicians.known)
        inner join read_parquet($provider_roster, union_by_name = true) as rows
            on
                knowing.delivery_id = rows.delivery_id
                and clinicians.payer = rows.payer
                and clinicians.npi = rows.npi
        where rows.roster_start_date <= clinicians.snapshot_date
        group by all
    ),
    restated_clinicians as (
        select program_id, npi, snapshot_date, known
        from listed
        where now_known is distinct from then_known
    ),
    agreed as (
        select
            known,
            list(delivery_id order by delivery_id) as deliveries
        from knowing
        where feed = 'program_terms'
        group by known
    ),
    caused as (
        select
            changed.*,
            case
                when cover.now_known is distinct from cover.then_known then 'ELIGIBILITY'
                when exists (
                    select 1
                    from restated_clinicians as listed
                    where
                        listed.program_id = changed.program_id
                        and listed.snapshot_date = changed.snapshot_date
                        and listed.known = changed.known
                        and listed.npi in (changed.npi_known, changed.npi_restated)
                ) then 'ROSTER'
                when then_agreed.deliveries is distinct from now_agreed.deliveries then 'TERMS'
                else 'CLAIMS'
            end as cause
        from attribution_changed as changed
        left join cover
            on
                changed.program_id = cover.program_id
                and changed.person_id = cover.person_id
                and changed.snapshot_date = cover.snapshot_date
                and changed.known = cover.known
        left join agreed as then_agreed on changed.known = then_agreed.known
        left join agreed as now_agreed on now_agreed.known = -1
    )
    select
        program_id, month, payer, person_id, change, cause, npi_known, npi_restated, known_on,
        is_open and (cause in ('ELIGIBILITY', 'ROSTER') or cause = 'CLAIMS' and reopens_for_claims)
    from caused
"""


def _by_month(warehouse: duckdb.DuckDBPyConnection) -> list[MonthRestatement]:
    """The three bases of every kept month, in order."""
    counts = warehouse.execute(
        """
        select program_id, month, change, cause, count(*), count(*) filter (is_adjusted)
        from attribution_delta
        group by all
        order by all
        """
    ).fetchall()
    months = warehouse.execute(
        """
        select months.program_id, months.month, months.known_on::varchar, count(members.person_id)
        from kept_month as months
        left join kept_member as members
            on
                months.program_id = members.program_id
                and months.snapshot_number = members.snapshot_number
        group by all
        order by all
        """
    ).fetchall()
    found = []
    for program_id, month, known_on, as_known in months:
        own = [row for row in counts if row[:2] == (program_id, month)]
        signs = [1 if row[2] == "ADDED" else -1 for row in own]
        found.append(
            MonthRestatement(
                program_id,
                month,
                known_on,
                as_known,
                as_known + sum(sign * row[4] for sign, row in zip(signs, own, strict=True)),
                as_known + sum(sign * row[5] for sign, row in zip(signs, own, strict=True)),
                {(row[2], row[3]): row[4] for row in own},
            )
        )
    return found


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
