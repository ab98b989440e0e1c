"""Writes the lists: CSV and one page a coordinator, who coordinates where, and what is unplaced.

What is on a list does not belong here (`content.py`, `unplaced.py`), nor who was shown it
(`access_log.py`).
"""

import csv
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, astuple, dataclass
from datetime import date
from pathlib import Path

import duckdb

from orchestration.coordination.access_log import Export
from orchestration.coordination.cards import Capacity
from orchestration.coordination.content import Owner, OwnerLists, Row, read_content, rows_of
from orchestration.coordination.unplaced import read_coverage, read_queue, read_unattributed
from orchestration.pages import render
from orchestration.programs import Program

UNASSIGNED = "unassigned"
SUMMARY_FILE = "summary.json"
PAGE = "worklist.html"
NOBODY = Owner("", "", "")
"""Whose lists stand beside the coordinators' own: for who runs the programs."""
MONTHLY_SHOWN = 60
"""Rows of the month on the page; the file holds what fits the month."""
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]")

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
    "next_appointment_date",
    "missed_appointment_date",
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
HAND_OFFS = (
    "last_name",
    "first_name",
    "phone_number",
    "direction",
    "handed_date",
    "handed_by",
    "answered_date",
    "answered_by",
    "person_id",
)
ROSTER = (
    "program_id",
    "partner_id",
    "coordinator_id",
    "coordinator_role",
    "payer_counterpart",
    "payer_case_managers",
    "members",
    "members_per_coordinator",
    "practices",
    "daily_contacts",
    "in_hospital",
    "left_hospital",
    "people_with_tasks",
    "high_risk",
    "hand_offs_waiting",
    "last_entry_date",
    "page",
)
UNATTRIBUTED = (
    "payer",
    "person_id",
    "last_name",
    "first_name",
    "birth_date",
    "sex",
    "phone_number",
    "cover_end_date",
    "hospital_date",
)
COVERAGE = ("facility_npi", "stays", "told", "first_admission", "last_admission")
QUEUE = ("reason", "what_to_do", "source_id", "where", "what", "event_date", "detail")


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
    capacities: Mapping[str, Capacity],
    is_of_night: bool,
) -> WrittenLists:
    """Write `<program>/<coordinator>/…`, the roster of coordinators and `queue.csv`.

    `folder` is made new and private. Who belongs to nobody changes by night only, so that list is
    written only then.
    """
    folder.mkdir(mode=0o700, parents=True)
    named = {program.program_id: program for program in programs}
    exports: list[Export] = []
    roster: list[Row] = []
    content = read_content(connection, capacities)
    told = {
        (row["program_id"], row["partner_id"], row["coordinator_id"]): row
        for row in rows_of(connection, _NAMED)
    }
    taken: set[Path] = set()
    for owner, lists in content.items():
        program = named.get(owner.program_id)
        counterpart = program.facts.coordinators.payer_counterpart if program else "the payer"
        lists.summary["counterpart"] = counterpart
        for card in lists.worklist:
            card["case_manager"] = card["case_manager_id"] or counterpart
        place = _place(folder, owner, taken)
        taken.add(place)
        exports += _write_owner(folder, place, owner, lists, as_of, program)
        row = _roster_row(owner, lists, place.relative_to(folder) / PAGE)
        roster.append({**dict.fromkeys(ROSTER), **told.get(astuple(owner), {}), **row})
    _write_csv(folder / "coordinators.csv", ROSTER, roster)
    names = {program_id: program.name for program_id, program in named.items()}
    _private(
        folder / "index.html",
        render("worklist_roster.html.j2", as_of=as_of, roster=roster, program_names=names),
    )
    if is_of_night:
        exports += _write_unattributed(connection, folder)
    queue = read_queue(connection)
    _write_csv(folder / "queue.csv", QUEUE, queue)
    exports.append(_export(folder, folder / "queue.csv", NOBODY, _persons(queue)))
    _write_csv(folder / "adt_coverage.csv", COVERAGE, read_coverage(connection))
    written = WrittenLists(
        len(content),
        sum(len(lists.in_hospital) for lists in content.values()),
        sum(len(lists.left) for lists in content.values()),
        sum(int(str(lists.summary["cards"])) for lists in content.values()),
        sum(len(lists.worklist) for lists in content.values()),
        dict(sorted(Counter(str(row["reason"]) for row in queue).items())),
        tuple(exports),
    )
    summary = {name: value for name, value in asdict(written).items() if name != "exports"}
    _private(
        folder / SUMMARY_FILE,
        json.dumps({"as_of": as_of.isoformat(), **summary}, indent=1, sort_keys=True),
    )
    return written


def read_summary(folder: Path) -> WrittenLists:
    """What was written into a folder of lists, without the exports, which are in the log."""
    told = json.loads((folder / SUMMARY_FILE).read_text(encoding="utf-8"))
    del told["as_of"]
    return WrittenLists(**told, exports=())


# What the log says of who coordinates: the role last told of each coordinator of a group, and the
# payer's case managers who logged something for her members.
_NAMED = """
with sender as (
    select distinct source_id, program_id, partner_id
    from roster where program_id is not null and partner_id is not null
),
spoken as (
    select
        sender.program_id,
        sender.partner_id,
        care_log_entry.coordinator_id,
        max_by(coordinator_role, (activity_date, coordinator_role)) as coordinator_role,
        max(activity_date) as last_entry_date
    from care_log_entry inner join sender using (source_id)
    where coalesce(coordinator_role, 'other') <> 'payer_case_manager'
    group by all
),
case_manager as (
    select
        list_member.program_id,
        list_member.partner_id,
        list_member.coordinator_id,
        string_agg(
            distinct care_log_entry.coordinator_id, ', ' order by care_log_entry.coordinator_id
        ) as payer_case_managers
    from care_log_entry inner join list_member using (payer, person_id)
    where care_log_entry.coordinator_role = 'payer_case_manager'
    group by all
)
select
    coalesce(spoken.program_id, case_manager.program_id) as program_id,
    coalesce(spoken.partner_id, case_manager.partner_id, '') as partner_id,
    coalesce(spoken.coordinator_id, case_manager.coordinator_id, '') as coordinator_id,
    spoken.coordinator_role,
    spoken.last_entry_date,
    case_manager.payer_case_managers
from spoken
full join case_manager
    on
        spoken.program_id = case_manager.program_id
        and spoken.partner_id is not distinct from case_manager.partner_id
        and spoken.coordinator_id is not distinct from case_manager.coordinator_id
"""


def _roster_row(owner: Owner, lists: OwnerLists, page: Path) -> Row:
    summary = lists.summary
    return {
        "program_id": owner.program_id,
        "partner_id": owner.partner_id,
        "coordinator_id": owner.coordinator_id,
        "payer_counterpart": summary["counterpart"],
        "members": summary["members"],
        "members_per_coordinator": summary["members_per_coordinator"],
        "practices": summary["practices"],
        "daily_contacts": summary["daily_contacts"],
        "in_hospital": len(lists.in_hospital),
        "left_hospital": len(lists.left),
        "people_with_tasks": summary["cards"],
        "high_risk": summary["high_risk"],
        "hand_offs_waiting": sum(one["answered_date"] is None for one in lists.hand_offs),
        "page": str(page),
    }


def _write_unattributed(connection: duckdb.DuckDBPyConnection, folder: Path) -> list[Export]:
    """Covered members of nobody: a list of their own, for the payer's outreach."""
    path = folder / "unattributed.csv"
    rows = read_unattributed(connection)
    _write_csv(path, UNATTRIBUTED, rows)
    return [_export(folder, path, NOBODY, _persons(rows))]


def _place(folder: Path, owner: Owner, taken: set[Path]) -> Path:
    """`<program>/<coordinator>`; with the partner in front where two share a coordinator's name."""
    program = _UNSAFE.sub("_", owner.program_id)
    name = _UNSAFE.sub("_", owner.coordinator_id or UNASSIGNED).lstrip(".")
    place = folder / program / name
    if place in taken:
        place = folder / program / f"{_UNSAFE.sub('_', owner.partner_id)}-{name}"
    if place in taken:
        digest = hashlib.sha256(repr(astuple(owner)).encode()).hexdigest()[:8]
        place = place.with_name(f"{place.name}-{digest}")
    return place


def _write_owner(
    root: Path,
    place: Path,
    owner: Owner,
    lists: OwnerLists,
    as_of: date,
    program: Program | None,
) -> list[Export]:
    for parent in (place.parent, place):
        parent.mkdir(mode=0o700, exist_ok=True)
    files = {
        "in_hospital.csv": (IN_HOSPITAL, lists.in_hospital),
        "left_hospital.csv": (LEFT, lists.left),
        "worklist.csv": (WORKLIST, lists.worklist),
        "waiting_for_evidence.csv": (WAITING, lists.waiting),
        "hand_offs.csv": (HAND_OFFS, lists.hand_offs),
        "monthly.csv": (MONTHLY, lists.monthly),
    }
    exports = []
    everybody: set[str] = set()
    for name, (columns, rows) in files.items():
        path = place / name
        _write_csv(path, columns, rows)
        persons = _persons(rows)
        everybody |= persons
        exports.append(_export(root, path, owner, persons))
    page = render(
        "worklist.html.j2",
        owner=owner,
        program_name=program.name if program else owner.program_id,
        partner_name=_partner_name(program, owner),
        as_of=as_of,
        monthly_shown=MONTHLY_SHOWN,
        lists=lists,
        summary=lists.summary,
    )
    path = place / PAGE
    _private(path, page)
    exports.append(_export(root, path, owner, everybody))
    return exports


def _partner_name(program: Program | None, owner: Owner) -> str:
    partners = program.facts.partners if program else ()
    names = [one.name for one in partners if one.partner_id == owner.partner_id]
    return names[0] if names else owner.partner_id


def _persons(rows: Iterable[Row]) -> set[str]:
    return {f"{row['payer']}/{row['person_id']}" for row in rows if row["person_id"]}


def _export(root: Path, path: Path, owner: Owner, persons: set[str]) -> Export:
    return Export(
        str(path.relative_to(root)),
        hashlib.sha256(path.read_bytes()).hexdigest(),
        owner.program_id,
        owner.coordinator_id or UNASSIGNED,
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
