"""What each coordinator is shown: every list read once for all of them, then dealt to its owners.

Reads the tables of `discharges.py`, `cards.py` and `monthly.py`. Writing files does not belong here
(`lists.py`), nor what could not be placed (`queue.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import duckdb

from orchestration.coordination.cards import Capacity

Row = dict[str, object]

WAITING_SHOWN = 200
HAND_OFF_DAYS = 60
"""A hand-off without an answer is shown for so long; one with an answer too, so both see it."""
TASK_NAMES = {
    "DISCHARGE": "after hospital",
    "GAP": "gap in care",
    "REFILL": "late refill",
    "MED_SAFETY": "possible medication problem, for clinician review",
    "REFERRAL": "refer to",
    "HR_REVIEW": "high-risk review",
}
_OWNER = "program_id, partner_id, coordinator_id"


@dataclass(frozen=True, order=True)
class Owner:
    """Whose list it is; a group whose log names nobody has one list without a coordinator."""

    program_id: str
    partner_id: str
    coordinator_id: str
    """Empty where nobody is named yet."""


@dataclass
class OwnerLists:
    """Everything one coordinator is shown, and the counts at the head of her page."""

    in_hospital: list[Row] = field(default_factory=list)
    left: list[Row] = field(default_factory=list)
    worklist: list[Row] = field(default_factory=list)
    waiting: list[Row] = field(default_factory=list)
    hand_offs: list[Row] = field(default_factory=list)
    monthly: list[Row] = field(default_factory=list)
    summary: Row = field(default_factory=dict)


def read_content(
    connection: duckdb.DuckDBPyConnection, capacities: Mapping[str, Capacity]
) -> dict[Owner, OwnerLists]:
    """Every owner's lists, in the order of their names."""
    owners = [
        _owner(row) for row in rows_of(connection, f"select distinct {_OWNER} from list_member")
    ]
    content = {owner: OwnerLists() for owner in sorted(owners)}

    def deal(name: str, query: str) -> None:
        for row in rows_of(connection, query):
            owner = _owner(row)
            if owner in content:
                getattr(content[owner], name).append(row)

    deal(
        "in_hospital",
        f"select * from stay_shown where state = 'IN_HOSPITAL' "
        f"order by {_OWNER}, lace desc, admission_date, person_id",
    )
    deal(
        "left",
        "select * from stay_shown "
        "where state in ('HOME', 'FACILITY', 'HOSPICE', 'WAITING_FOR_TRANSFER') "
        f"order by {_OWNER}, contact_due_date nulls last, lace desc, person_id",
    )
    deal("worklist", f"select * from card order by {_OWNER}, rank")
    deal("waiting", _WAITING)
    deal("hand_offs", _HAND_OFFS)
    deal("monthly", _MONTHLY)
    _tell_tasks(connection, content)
    counted = {_owner(row): row for row in rows_of(connection, _COUNTS)}
    for owner, lists in content.items():
        capacity = capacities.get(owner.program_id, Capacity())
        lists.summary = dict(counted[owner])
        members = int(str(lists.summary["partner_members"]))
        lists.summary["needed"] = -(-members // capacity.members_per_coordinator)
        lists.summary["daily_contacts"] = capacity.daily_contacts
        lists.summary["members_per_coordinator"] = capacity.members_per_coordinator
    return content


def rows_of(
    connection: duckdb.DuckDBPyConnection, query: str, values: Sequence[object] = ()
) -> list[Row]:
    """A query's rows by column."""
    found = connection.execute(query, list(values))
    names = [column[0] for column in found.description]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def _owner(row: Row) -> Owner:
    return Owner(
        str(row["program_id"]), str(row["partner_id"] or ""), str(row["coordinator_id"] or "")
    )


def _tell_tasks(connection: duckdb.DuckDBPyConnection, content: Mapping[Owner, OwnerLists]) -> None:
    """Put on each card what is to be done and why, the most urgent first."""
    found = rows_of(
        connection,
        """
        select task_ranked.payer, task_ranked.person_id, task_ranked.task, task_ranked.title,
            task_ranked.due_date, task_ranked.due_text, task_ranked.evidence
        from task_ranked inner join card using (payer, person_id)
        order by task_ranked.payer, task_ranked.person_id, task_ranked.priority desc,
            task_ranked.task, task_ranked.subject
        """,
    )
    by_person: dict[tuple[object, object], list[str]] = {}
    for row in found:
        by_person.setdefault((row["payer"], row["person_id"]), []).append(_task_text(row))
    for lists in content.values():
        for card in lists.worklist:
            card["task_list"] = by_person[card["payer"], card["person_id"]]
            card["task_text"] = "; ".join(by_person[card["payer"], card["person_id"]])
            card["categories"] = " ".join(
                name for name in ("HR1", "HR2", "HR3") if card[f"is_{name.lower()}"]
            )


def _task_text(task: Row) -> str:
    name = TASK_NAMES[str(task["task"])]
    subject = f" {task['title']}" if task["title"] else ""
    due = task["due_text"] or (f"due {task['due_date']}" if task["due_date"] else "")
    told = ", ".join(str(part) for part in (due, task["evidence"]) if part)
    return f"{name}{subject}: {told}" if told else f"{name}{subject}"


_WAITING = f"""
select task_today.payer, task_today.person_id, task, title, list_state, reported_date,
    list_member.program_id, list_member.partner_id, list_member.coordinator_id,
    list_member.last_name, list_member.first_name, list_member.is_provisional
from (
    select * from task_today where list_state in ('REPORTED_DONE', 'SNOOZED')
) as task_today
inner join list_member using (payer, person_id)
qualify row_number() over (
    partition by list_member.program_id, list_member.partner_id, list_member.coordinator_id
    order by list_state, task, payer, person_id, subject
) <= {WAITING_SHOWN}
order by program_id, partner_id, coordinator_id, list_state, task, payer, person_id, subject
"""

_HAND_OFFS = """
select hand_off.*,
    list_member.program_id, list_member.partner_id, list_member.coordinator_id,
    list_member.last_name, list_member.first_name, list_member.phone_number,
    list_member.is_provisional
from hand_off inner join list_member using (payer, person_id)
order by program_id, partner_id, coordinator_id, answered_date is not null, handed_date desc,
    payer, person_id, direction
"""

_MONTHLY = """
select monthly_change.*, belonging.last_name, belonging.first_name, belonging.birth_date,
    belonging.phone_number, belonging.is_provisional
from (
    select * from monthly_change where is_within_capacity or change = 'LEFT'
) as monthly_change
left join belonging using (payer, person_id)
order by monthly_change.program_id, monthly_change.partner_id, monthly_change.coordinator_id,
    rank nulls last, payer, person_id
"""

_COUNTS = """
with owners as (
    select distinct program_id, partner_id, coordinator_id from list_member
),
cards as (
    select program_id, partner_id, coordinator_id, count(*) as cards from card_ranked group by all
),
partners as (
    select
        program_id,
        partner_id,
        sum(members) as partner_members,
        count(coordinator_id) as coordinators
    from coordinator
    group by all
),
months as (
    select
        program_id,
        partner_id,
        coordinator_id,
        count(*) filter (where change <> 'LEFT') as high_risk,
        max(month_before) as month_before
    from monthly_change
    group by all
)
select
    owners.*,
    coalesce(cards.cards, 0) as cards,
    coalesce(coordinator.members, 0) as members,
    coalesce(coordinator.practices, 0) as practices,
    coalesce(partners.partner_members, 0) as partner_members,
    coalesce(partners.coordinators, 0) as coordinators,
    coalesce(months.high_risk, 0) as high_risk,
    months.month_before
from owners
left join cards
    on
        owners.program_id = cards.program_id
        and owners.partner_id is not distinct from cards.partner_id
        and owners.coordinator_id is not distinct from cards.coordinator_id
left join coordinator
    on
        owners.program_id = coordinator.program_id
        and owners.partner_id is not distinct from coordinator.partner_id
        and owners.coordinator_id is not distinct from coordinator.coordinator_id
left join partners
    on
        owners.program_id = partners.program_id
        and owners.partner_id is not distinct from partners.partner_id
left join months
    on
        owners.program_id = months.program_id
        and owners.partner_id is not distinct from months.partner_id
        and owners.coordinator_id is not distinct from months.coordinator_id
"""
