"""Writes the lists: CSV and one page a coordinator, and the queue of what could not be placed.

What is on a list does not belong here (`discharges.py`, `cards.py`), nor who was shown it
(`access_log.py`).
"""

import csv
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.coordination.access_log import Export
from orchestration.coordination.cards import DAILY_CONTACTS, MEMBERS_PER_COORDINATOR
from orchestration.coordination.matching import QUEUE_REASONS
from orchestration.pages import render
from orchestration.programs import Program

UNASSIGNED = "unassigned"
SUMMARY_FILE = "summary.json"
MONTHLY_SHOWN = 60
"""Rows of the month on the page; the file holds what fits the month."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

Row = Mapping[str, object]

IN_HOSPITAL = (
    "last_name",
    "first_name",
    "birth_date",
    "phone_number",
    "facility_code",
    "location",
    "patient_class",
    "admission_date",
    "expected_discharge_date",
    "length_of_stay_days",
    "lace",
    "admit_reason",
    "person_id",
    "is_provisional",
)
LEFT = (
    "last_name",
    "first_name",
    "birth_date",
    "phone_number",
    "language_code",
    "state",
    "discharge_date",
    "facility_code",
    "lace",
    "is_against_advice",
    "contact_due_date",
    "contact_state",
    "visit_due_date",
    "visit_state",
    "reconciliation_due_date",
    "reconciliation_state",
    "contact_attempts",
    "last_contact_outcome",
    "diagnosis_text",
    "person_id",
    "is_provisional",
)
WORKLIST = (
    "rank",
    "priority",
    "last_name",
    "first_name",
    "birth_date",
    "phone_number",
    "phone_type",
    "language_code",
    "preferred_contact",
    "due_date",
    "tasks",
    "task_text",
    "categories",
    "appointment_booked_date",
    "last_attempt_date",
    "last_outcome",
    "coordinator_id",
    "case_manager",
    "waits_for_payer_since",
    "waits_for_group_since",
    "practice_id",
    "npi",
    "person_id",
    "is_provisional",
)
MONTHLY = (
    "rank",
    "priority",
    "change",
    "last_name",
    "first_name",
    "birth_date",
    "phone_number",
    "categories",
    "gaps",
    "late_refills",
    "emergency_visits",
    "rank_before",
    "categories_before",
    "left_reason",
    "person_id",
)
WAITING = ("last_name", "first_name", "task", "title", "list_state", "reported_date", "person_id")
COVERAGE = ("facility_npi", "stays", "told", "first_admission", "last_admission")
QUEUE = ("reason", "what_to_do", "source_id", "where", "what", "event_date", "detail")

TASK_NAMES = {
    "DISCHARGE": "after hospital",
    "GAP": "gap in care",
    "REFILL": "late refill",
    "MED_SAFETY": "possible medication problem, for clinician review",
    "REFERRAL": "refer to",
    "HR_REVIEW": "high-risk review",
}
QUEUE_FIXES = {
    **QUEUE_REASONS,
    "TWO_PROGRAMS": "The clinician named is on the rosters of two programs: ask the member, or the "
    "groups, whose patient she is.",
    "NO_DISCHARGE_TOLD": "No word of this stay for a month: ask the hospital whether she left.",
    "COORDINATOR_WITHOUT_MEMBERS": "The care log names a coordinator of a group without "
    "covered members: check whose coordinator it is.",
    "UNKNOWN_MEMBER": "The care log names a member the payer does not know: check the number.",
    "UNKNOWN_GAP": "The care log tells of a gap this member does not have: it closes nothing; "
    "check measure and member.",
    "MEMBER_OF_ANOTHER_GROUP": "The care log of one group tells of a member of another: ask "
    "whose patient she is.",
}


@dataclass(frozen=True)
class OwnerLists:
    """Everything one coordinator is shown, and the counts at the head of her page."""

    in_hospital: list[dict[str, object]]
    left: list[dict[str, object]]
    worklist: list[dict[str, object]]
    waiting: list[dict[str, object]]
    monthly: list[dict[str, object]]
    summary: dict[str, object]


@dataclass(frozen=True)
class WrittenLists:
    """What was written: lists by coordinator, rows queued by reason, exports for the access log."""

    coordinators: int
    in_hospital: int
    left: int
    cards: int
    cards_shown: int
    queued: Mapping[str, int]
    exports: tuple[Export, ...]


def formula_safe(value: object) -> object:
    """A text that a spreadsheet would take for a formula stands behind an apostrophe."""
    if isinstance(value, str) and value.lstrip(" ").startswith(_FORMULA):
        return f"'{value}"
    return value


def write_lists(
    connection: duckdb.DuckDBPyConnection,
    folder: Path,
    as_of: date,
    programs: Iterable[Program],
) -> WrittenLists:
    """Write `<program>/<coordinator>/…` and `queue.csv` under a new, empty, private folder."""
    folder.mkdir(mode=0o700, parents=True)
    named = {program.program_id: program for program in programs}
    exports: list[Export] = []
    counts = {"in_hospital": 0, "left": 0, "cards": 0, "shown": 0}
    tasks = _tasks_by_person(connection)
    listed = _rows(
        connection,
        "select distinct program_id, partner_id, coordinator_id from list_member "
        "order by all nulls last",
    )
    taken: set[Path] = set()
    for owner in listed:
        program = named.get(str(owner["program_id"]))
        content = _content(connection, owner, tasks, program)
        counts["in_hospital"] += len(content.in_hospital)
        counts["left"] += len(content.left)
        counts["cards"] += int(str(content.summary["cards"]))
        counts["shown"] += len(content.worklist)
        place = _place(folder, owner, taken)
        taken.add(place)
        exports += _write_owner(folder, place, owner, content, as_of, program)
    queue = _queue(connection)
    _write_csv(folder / "queue.csv", QUEUE, queue)
    queued: dict[str, int] = {}
    for row in queue:
        queued[str(row["reason"])] = queued.get(str(row["reason"]), 0) + 1
    summary = {"as_of": as_of.isoformat(), **counts, "queued": queued, "lists": len(listed)}
    _write_csv(folder / "adt_coverage.csv", COVERAGE, _rows(connection, _COVERAGE))
    _private(folder / SUMMARY_FILE, json.dumps(summary, indent=1, sort_keys=True))
    return WrittenLists(
        len(listed),
        counts["in_hospital"],
        counts["left"],
        counts["cards"],
        counts["shown"],
        queued,
        tuple(exports),
    )


def read_summary(folder: Path) -> WrittenLists:
    """What was written into a folder of lists, without the exports, which are in the log."""
    told = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    return WrittenLists(
        told["lists"],
        told["in_hospital"],
        told["left"],
        told["cards"],
        told["shown"],
        told["queued"],
        (),
    )


def _content(
    connection: duckdb.DuckDBPyConnection,
    owner: Row,
    tasks: Mapping[tuple[str, str], Sequence[Row]],
    program: Program | None,
) -> OwnerLists:
    keys = [owner["program_id"], owner["partner_id"], owner["coordinator_id"]]
    mine = _mine()
    in_hospital = _rows(
        connection,
        f"select * from stay_shown where {mine} and state = 'IN_HOSPITAL' "
        "order by lace desc, admission_date, person_id",
        keys,
    )
    left = _rows(
        connection,
        f"select * from stay_shown where {mine} "
        "and state in ('HOME', 'FACILITY', 'HOSPICE', 'WAITING_FOR_TRANSFER') "
        "order by contact_due_date nulls last, lace desc, person_id",
        keys,
    )
    cards = _rows(
        connection,
        f"select * from card where {mine} and rank <= {DAILY_CONTACTS} order by rank",
        keys,
    )
    counterpart = program.facts.coordinators.payer_counterpart if program else "the payer"
    for row in cards:
        own = tasks.get((str(row["payer"]), str(row["person_id"])), ())
        row["task_text"] = "; ".join(_task_text(one) for one in own)
        row["task_list"] = [_task_text(one) for one in own]
        row["categories"] = " ".join(
            name for name in ("HR1", "HR2", "HR3") if row[f"is_{name.lower()}"]
        )
        row["case_manager"] = row["case_manager_id"] or counterpart
    waiting = _rows(
        connection,
        f"""
        select task_today.*, list_member.last_name, list_member.first_name,
            list_member.is_provisional
        from task_today inner join list_member using (payer, person_id)
        where {_mine("list_member.")}
            and list_state in ('REPORTED_DONE', 'SNOOZED')
        order by list_state, task, person_id, subject
        limit 200
        """,
        keys,
    )
    monthly = _rows(
        connection,
        f"""
        select monthly_change.*, belonging.last_name, belonging.first_name, belonging.birth_date,
            belonging.phone_number, belonging.is_provisional
        from monthly_change left join belonging using (payer, person_id)
        where {_mine("monthly_change.")}
            and (is_within_capacity or change = 'LEFT')
        order by rank nulls last, person_id
        """,
        keys,
    )
    ((total,),) = connection.execute(f"select count(*) from card where {mine}", keys).fetchall()
    ((members, partner_members, coordinators),) = connection.execute(
        """
        select
            coalesce(sum(members) filter (where coordinator_id is not distinct from ?), 0),
            coalesce(sum(members), 0),
            count(coordinator_id)
        from coordinator where program_id = ? and partner_id is not distinct from ?
        """,
        [owner["coordinator_id"], owner["program_id"], owner["partner_id"]],
    ).fetchall()
    needed = -(-int(partner_members) // MEMBERS_PER_COORDINATOR)
    summary = {
        "cards": total,
        "members": members,
        "partner_members": partner_members,
        "coordinators": coordinators,
        "needed": needed,
        "counterpart": counterpart,
    }
    ((high_risk, month_before),) = connection.execute(
        f"select count(*) filter (where change <> 'LEFT'), max(month_before) from monthly_change "
        f"where {mine}",
        keys,
    ).fetchall()
    summary |= {"high_risk": high_risk, "month_before": month_before}
    return OwnerLists(in_hospital, left, cards, waiting, monthly, summary)


def _mine(table: str = "") -> str:
    """The condition for one coordinator's rows; her program, partner and id are its values."""
    return (
        f"{table}program_id = ? and {table}partner_id is not distinct from ? "
        f"and {table}coordinator_id is not distinct from ?"
    )


def _task_text(task: Row) -> str:
    name = TASK_NAMES[str(task["task"])]
    subject = f" {task['title']}" if task["title"] else ""
    due = task["due_text"] or (f"due {task['due_date']}" if task["due_date"] else "")
    told = ", ".join(str(part) for part in (due, task["evidence"]) if part)
    return f"{name}{subject}: {told}" if told else f"{name}{subject}"


def _tasks_by_person(
    connection: duckdb.DuckDBPyConnection,
) -> dict[tuple[str, str], list[Row]]:
    """Tasks of the cards that are shown, the most urgent first."""
    found = _rows(
        connection,
        f"""
        select task_ranked.payer, task_ranked.person_id, task_ranked.task, task_ranked.title,
            task_ranked.due_date, task_ranked.due_text, task_ranked.evidence
        from task_ranked inner join card using (payer, person_id)
        where card.rank <= {DAILY_CONTACTS}
        order by task_ranked.payer, task_ranked.person_id, task_ranked.priority desc,
            task_ranked.task, task_ranked.subject
        """,
    )
    by_person: dict[tuple[str, str], list[Row]] = {}
    for row in found:
        by_person.setdefault((str(row["payer"]), str(row["person_id"])), []).append(row)
    return by_person


def _queue(connection: duckdb.DuckDBPyConnection) -> list[dict[str, object]]:
    """Everything that could not be placed, with the reason and what to do about it."""
    rows = _rows(
        connection,
        """
        with known_gap as (
            select distinct payer, person_id, measure_id as subject
            from gap where state <> 'EXCLUDED'
        ),
        log_rows as (
            select
                care_log_entry.*,
                care_member.program_id as member_program_id,
                care_member.partner_id as member_partner_id,
                care_member.payer is not null as is_known,
                sender.partner_id as sender_partner_id
            from care_log_entry
            left join care_member using (payer, person_id)
            left join (
                select source_id, min(partner_id) as partner_id
                from roster where partner_id is not null
                group by source_id having count(distinct partner_id) = 1
            ) as sender using (source_id)
        )
        select reason, source_id, facility_code as "where", 'visit ' || visit_number as what,
            last_event_at::date as event_date,
            'best likeness ' || coalesce(round(best_score, 2)::text, 'none') as detail
        from adt_queue inner join encounter using (encounter_key)
        union all
        select 'TWO_PROGRAMS', source_id, facility_code, 'visit ' || visit_number,
            last_event_at::date, 'member ' || person_id
        from stay where off_list_reason = 'TWO_PROGRAMS'
        union all
        select 'NO_DISCHARGE_TOLD', source_id, facility_code, 'visit ' || visit_number,
            last_event_at::date, 'member ' || person_id
        from stay where state = 'NO_DISCHARGE_TOLD'
        union all
        select 'COORDINATOR_WITHOUT_MEMBERS', source_id, null, 'coordinator ' || coordinator_id,
            max(activity_date), null
        from log_rows
        where
            coordinator_id is not null
            and coalesce(coordinator_role, 'other') <> 'payer_case_manager'
            and coordinator_id not in (
                select coordinator_id from coordinator where coordinator_id is not null
            )
        group by all
        union all
        select 'UNKNOWN_MEMBER', source_id, null, 'log entry ' || care_log_id, activity_date, null
        from log_rows where not is_known
        union all
        select 'UNKNOWN_GAP', source_id, null, 'log entry ' || care_log_id, activity_date,
            coalesce(gap_code, 'no measure named')
        from log_rows
        where
            is_known and task = 'gap'
            and not exists (
                select 1 from known_gap
                where
                    known_gap.payer = log_rows.payer
                    and known_gap.person_id = log_rows.person_id
                    and known_gap.subject = log_rows.gap_code
            )
        union all
        select 'MEMBER_OF_ANOTHER_GROUP', source_id, null, 'log entry ' || care_log_id,
            activity_date, null
        from log_rows
        where member_partner_id is not null and sender_partner_id <> member_partner_id
        order by reason, source_id, event_date, what
        """,
    )
    for row in rows:
        row["what_to_do"] = QUEUE_FIXES[str(row["reason"])]
    return rows


# F.4, step 5: stays that claims tell of, in days of which their hospital tells at all, and those it
# told of: the same person and hospital, admitted a day either way.
_COVERAGE = """
with told as (
    select facility_npi, min(admitted_at)::date as first_day, max(admitted_at)::date as last_day
    from encounter
    where facility_npi is not null and patient_class = 'inpatient' and not is_cancelled
    group by facility_npi
)
select
    told.facility_npi,
    count(*) as stays,
    count(*) filter (
        where exists (
            select 1 from stay
            where
                stay.payer = care_event.payer
                and stay.person_id = care_event.person_id
                and stay.facility_npi = care_event.npi
                and abs(stay.admission_date - care_event.event_date) <= 1
        )
    ) as told,
    min(care_event.event_date) as first_admission,
    max(care_event.event_date) as last_admission
from care_event
inner join told
    on
        care_event.npi = told.facility_npi
        and care_event.event_date between told.first_day and told.last_day
where care_event.event_kind = 'stay'
group by told.facility_npi
order by told.facility_npi
"""


def _place(folder: Path, owner: Row, taken: set[Path]) -> Path:
    """`<program>/<coordinator>`; with the partner in front where two share a coordinator's name."""
    program = _UNSAFE.sub("_", str(owner["program_id"]))
    name = _UNSAFE.sub("_", str(owner["coordinator_id"] or UNASSIGNED)).lstrip(".")
    place = folder / program / name
    if place in taken:
        place = folder / program / f"{_UNSAFE.sub('_', str(owner['partner_id']))}-{name}"
    if place in taken:
        digest = hashlib.sha256(repr(sorted(owner.items())).encode()).hexdigest()[:8]
        place = place.with_name(f"{place.name}-{digest}")
    return place


def _write_owner(
    root: Path,
    place: Path,
    owner: Row,
    content: OwnerLists,
    as_of: date,
    program: Program | None,
) -> list[Export]:
    for parent in (place.parent, place):
        parent.mkdir(mode=0o700, exist_ok=True)
    files = {
        "in_hospital.csv": (IN_HOSPITAL, content.in_hospital),
        "left_hospital.csv": (LEFT, content.left),
        "worklist.csv": (WORKLIST, content.worklist),
        "waiting_for_evidence.csv": (WAITING, content.waiting),
        "monthly.csv": (MONTHLY, content.monthly),
    }
    exports = []
    everybody: set[str] = set()
    for name, (columns, rows) in files.items():
        path = place / name
        _write_csv(path, columns, rows)
        persons = {f"{row['payer']}/{row['person_id']}" for row in rows}
        everybody |= persons
        exports.append(_export(root, path, owner, persons))
    page = render(
        "worklist.html.j2",
        owner=owner,
        program_name=program.name if program else owner["program_id"],
        partner_name=_partner_name(program, owner),
        as_of=as_of,
        daily_contacts=DAILY_CONTACTS,
        monthly_shown=MONTHLY_SHOWN,
        in_hospital=content.in_hospital,
        left=content.left,
        worklist=content.worklist,
        waiting=content.waiting,
        monthly=content.monthly,
        summary=content.summary,
    )
    path = place / "worklist.html"
    _private(path, page)
    exports.append(_export(root, path, owner, everybody))
    return exports


def _partner_name(program: Program | None, owner: Row) -> str:
    partners = program.facts.partners if program else ()
    names = [one.name for one in partners if one.partner_id == owner["partner_id"]]
    return names[0] if names else str(owner["partner_id"] or "")


def _export(root: Path, path: Path, owner: Row, persons: set[str]) -> Export:
    return Export(
        str(path.relative_to(root)),
        hashlib.sha256(path.read_bytes()).hexdigest(),
        str(owner["program_id"]),
        str(owner["coordinator_id"] or UNASSIGNED),
        tuple(sorted(persons)),
    )


def _write_csv(path: Path, columns: Sequence[str], rows: Sequence[Row]) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        path.chmod(0o600)
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        for row in rows:
            writer.writerow([formula_safe(row.get(column)) for column in columns])


def _private(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text, encoding="utf-8")


def _rows(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = ()
) -> list[dict[str, object]]:
    found = connection.execute(query, list(values))
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]
