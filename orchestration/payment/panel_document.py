"""What a group gets every month: its panel, who joined and who left since the last one, and why.

Identified, for the restricted part of a generation. Whose member a person is, and what changed, is
decided in the warehouse (METHODS B.6); nothing is computed here but counts.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from orchestration.pages import render
from orchestration.payment.costs import text_literal

FOLDER = "panels"
MONTHS = 12
REASON_TEXTS: Mapping[str, str] = {
    "NEW": "new: a visit or her own choice brought her to the group",
    "RETURNED": "came back within a year",
    "RETAINED": "stays",
    "LOST_COVERAGE": "is no longer covered",
    "LOST_NO_VISITS": "saw no primary care doctor within the look-back",
    "LOST_OTHER_GROUP": "now sees another group more",
    "ROSTER_CHANGE": "her doctor left the group's roster",
    "OTHER_PROGRAM": "now belongs to another program",
}


@dataclass(frozen=True)
class PanelMonth:
    """One month's panel of a program and its changes by reason."""

    month: str
    members: int
    added: Mapping[str, int]
    dropped: Mapping[str, int]


def write_panel_documents(
    warehouse: duckdb.DuckDBPyConnection, names: Mapping[str, str], folder: Path
) -> list[Path]:
    """Write `<program>.<month>.csv` and `<program>.html` for each program with a panel.

    `names` is by program. The newest snapshot's lines: who is in the panel (added or stays) and who
    was dropped since the one before, each with the reason and the clinician.
    """
    _load_changes(warehouse)
    ((newest,),) = warehouse.execute("select max(snapshot_number) from panel_change").fetchall()
    if newest is None:
        return []
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    months = _months(warehouse)
    _load_lines(warehouse, newest)
    written = []
    for program_id in sorted(set(months) & set(names)):
        of_program = months[program_id]
        path = folder / f"{program_id}.{of_program[-1].month}.csv"
        warehouse.execute(
            f"""
            copy (
                select * exclude (program_id)
                from panel_line
                where program_id = {text_literal(program_id)}
                order by change, person_id
            ) to {text_literal(path)} (format csv, header)
            """
        )
        page = folder / f"{program_id}.html"
        text = render(
            "statement_panel.html.j2",
            program_name=names[program_id],
            months=list(reversed(of_program)),
            newest=of_program[-1],
            reasons=REASON_TEXTS,
            file_name=path.name,
        )
        page.write_text(text, encoding="utf-8")
        for one in (path, page):
            one.chmod(0o600)
            written.append(one)
    return written


def _load_changes(warehouse: duckdb.DuckDBPyConnection) -> None:
    """Temporary table `panel_change`: person × program × snapshot, added, dropped or staying."""
    warehouse.execute(
        f"""
        create or replace temp table panel_change as
        with
        newest as (
            select max(snapshot_number) as snapshot_number from int_attribution_status
        ),
        statuses as (
            select statuses.*, decided.group_number, decided.npi, decided.is_in_program
            from int_attribution_status as statuses
            inner join int_attribution_decided as decided
                on
                    statuses.person_key = decided.person_key
                    and statuses.snapshot_number = decided.snapshot_number
            cross join newest
            where statuses.snapshot_number > newest.snapshot_number - {MONTHS}
        )
        select
            groups.program_id,
            statuses.snapshot_number,
            statuses.person_key,
            statuses.npi,
            case when statuses.status = 'RETAINED' then 'stays' else 'added' end as change,
            statuses.status as reason
        from statuses
        inner join int_attribution_group as groups on statuses.group_number = groups.group_number
        where statuses.is_in_program
        union all
        select
            groups.program_id,
            statuses.snapshot_number,
            statuses.person_key,
            null as npi,
            'dropped' as change,
            case when statuses.is_in_program then 'OTHER_PROGRAM' else statuses.status end
        from statuses
        inner join int_attribution_group as groups
            on statuses.previous_program_group_number = groups.group_number
        where
            groups.program_id is not null
            and statuses.previous_program_group_number is distinct from statuses.group_number
        """
    )


def _load_lines(warehouse: duckdb.DuckDBPyConnection, snapshot_number: int) -> None:
    """Temporary table `panel_line`: the newest snapshot as it is handed over."""
    reasons = " ".join(
        f"when {text_literal(code)} then {text_literal(text)}"
        for code, text in REASON_TEXTS.items()
    )
    warehouse.execute(
        f"""
        create or replace temp table panel_line as
        select
            changes.program_id,
            case
                when persons.person_id[1] in ('=', '+', '-', '@') then chr(39) || persons.person_id
                else persons.person_id
            end as person_id,
            changes.change,
            changes.reason,
            case changes.reason {reasons} end as explanation,
            lpad(changes.npi::varchar, 10, '0') as clinician_npi
        from panel_change as changes
        inner join int_person as persons on changes.person_key = persons.person_key
        where changes.snapshot_number = {snapshot_number}
        """
    )


def _months(warehouse: duckdb.DuckDBPyConnection) -> dict[str, list[PanelMonth]]:
    rows: Sequence[tuple[str, int, str, str, int]] = warehouse.execute(
        """
        select program_id, snapshot_number, change, reason, count(*)
        from panel_change
        group by all
        order by all
        """
    ).fetchall()
    counts: dict[tuple[str, int], dict[str, dict[str, int]]] = defaultdict(
        lambda: {"stays": {}, "added": {}, "dropped": {}}
    )
    for program_id, snapshot, change, reason, count in rows:
        counts[program_id, snapshot][change][reason] = count
    found: dict[str, list[PanelMonth]] = defaultdict(list)
    for (program_id, snapshot), of_month in sorted(counts.items()):
        found[program_id].append(
            PanelMonth(
                month=f"{snapshot // 12}-{snapshot % 12 + 1:02d}",
                members=sum(of_month["stays"].values()) + sum(of_month["added"].values()),
                added=of_month["added"],
                dropped=of_month["dropped"],
            )
        )
    return found
