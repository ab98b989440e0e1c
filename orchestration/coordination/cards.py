"""One card a person: tasks, what closed or snoozed them, priority, and the cut at capacity (L.1).

Reads `stay`, `belonging`, `worklist_task`, `care_log_entry`, `emergency_day`. Writing lists does
not belong here (`lists.py`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import astuple, dataclass
from datetime import date

import duckdb

from orchestration.coordination.sources import run_statements

REPORTED_DAYS = 60
APPOINTMENT_DAYS = 60
"""An appointment that nobody said was kept is asked after for so long."""
AGAINST_ADVICE_POINTS = 20
"""F.4 asks for more priority without saying how much."""

SENSITIVE_CODES = {
    "substance_use": ("F10", "F11", "F12", "F13", "F14", "F15", "F16", "F17", "F18", "F19"),
    "behavioral_health": ("F", "R4585", "T1491", "X7", "X80", "X81", "X82", "X83"),
    "hiv": ("B20", "Z21", "R75"),
    "reproductive": ("O", "Z30", "Z31", "Z32", "Z33", "Z34", "Z36", "Z37", "Z39", "Z3A", "N97"),
    "genetic": ("Z14", "Z15", "Q9"),
}
"""Diagnoses of METHODS K.1 by prefix; the first category that fits is the row's."""


@dataclass(frozen=True)
class Capacity:
    """How much one coordinator of a program can do (METHODS P, fee and lists)."""

    members_per_coordinator: int = 10_000
    daily_contacts: int = 20
    snooze_days: int = 14


def sensitivity_case(column: str) -> str:
    """SQL that names the sensitive category of a diagnosis code, or null."""
    tests = []
    for category, prefixes in SENSITIVE_CODES.items():
        fits = " or ".join(f"starts_with({column}, '{prefix}')" for prefix in prefixes)
        tests.append(f"when {fits} then '{category}'")
    return f"case {' '.join(tests)} end"


def build_cards(
    connection: duckdb.DuckDBPyConnection,
    as_of: date,
    permitted: Mapping[str, Sequence[str]],
    capacities: Mapping[str, Capacity],
) -> None:
    """Make tables `coordinator`, `task_today`, `card_ranked` and `card`, those within capacity.

    `permitted` says by program which sensitive categories its coordinators may see; a task of
    another category is on no card, and a stay's diagnosis and place are blank. `capacities` may
    leave programs out: the defaults hold for them.
    """
    connection.execute("create temp table permitted_category (program_id text, category text)")
    rows = [(program, one) for program, ones in permitted.items() for one in ones]
    if rows:
        connection.executemany("insert into permitted_category values (?, ?)", rows)
    connection.execute(
        "create temp table program_capacity (program_id text, members_per_coordinator int, "
        "daily_contacts int, snooze_days int)"
    )
    listed = connection.execute(
        "select distinct program_id from belonging where program_id is not null"
    ).fetchall()
    sized = [(program, *astuple(capacities.get(program, Capacity()))) for (program,) in listed]
    if sized:
        connection.executemany("insert into program_capacity values (?, ?, ?, ?)", sized)
    run_statements(
        connection,
        ";".join((_COORDINATORS, _STAY_SHOWN, _LOG, _TASKS, _CARDS)),
        as_of=as_of,
        appointment_days=APPOINTMENT_DAYS,
        reported=REPORTED_DAYS,
        against_advice=AGAINST_ADVICE_POINTS,
    )


# Provisional members go to the coordinator of most members of the practice, else of the partner.
_COORDINATORS = """
create temp table coordinator as
select
    program_id,
    partner_id,
    coordinator_id,
    count(*) as members,
    count(distinct practice_id) as practices
from care_member
where program_id is not null and is_covered
group by all;
create temp table practice_coordinator as
select program_id, partner_id, practice_id, coordinator_id
from care_member
where coordinator_id is not null
group by program_id, partner_id, practice_id, coordinator_id
qualify row_number() over (
    partition by program_id, partner_id, practice_id order by count(*) desc, coordinator_id
) = 1;
create temp table partner_coordinator as
select program_id, partner_id, min(coordinator_id) as coordinator_id
from care_member
where coordinator_id is not null
group by all;
create temp table list_member as
select
    belonging.* exclude (coordinator_id),
    coalesce(
        belonging.coordinator_id,
        practice_coordinator.coordinator_id,
        partner_coordinator.coordinator_id
    ) as coordinator_id
from belonging
left join practice_coordinator using (program_id, partner_id, practice_id)
left join partner_coordinator
    on
        belonging.program_id = partner_coordinator.program_id
        and belonging.partner_id = partner_coordinator.partner_id
where belonging.off_list_reason is null
"""

_STAY_SHOWN = f"""
create temp table stay_shown as
with flagged as (
    select
        stay.* exclude (coordinator_id),
        list_member.coordinator_id,
        list_member.last_name,
        list_member.first_name,
        list_member.birth_date,
        list_member.phone_number,
        list_member.language_code,
        {sensitivity_case("stay.diagnosis_code")} as sensitivity
    from stay
    inner join list_member using (payer, person_id)
)
select
    flagged.* replace (
        case when is_hidden then null else diagnosis_code end as diagnosis_code,
        case when is_hidden then null else diagnosis_text end as diagnosis_text,
        case when is_hidden then null else admit_reason end as admit_reason,
        case when is_hidden then null else location end as location,
        case when is_hidden then null else facility_code end as facility_code
    ),
    coalesce(
        starts_with(diagnosis_code, 'I50')
        or starts_with(diagnosis_code, 'I110')
        or starts_with(diagnosis_code, 'I130')
        or starts_with(diagnosis_code, 'I132')
        or starts_with(diagnosis_code, 'J44'),
        false
    ) as is_heart_or_lung
from (
    select
        flagged.*,
        sensitivity is not null and permitted_category.category is null as is_hidden
    from flagged
    left join permitted_category
        on
            flagged.program_id = permitted_category.program_id
            and flagged.sensitivity = permitted_category.category
) as flagged
"""

# Of bookings about one task the last holds. It was kept when the log, or a claim of its day, says
# so; else it is still to come, or asked after.
_LOG = """
create temp table appointment as
with booked as (
    select
        payer,
        person_id,
        coalesce(task, '') as task,
        coalesce(gap_code, support_program, '') as subject,
        activity_date as booked_date,
        appointment_date
    from care_log_entry
    where activity = 'appointment_booked' and activity_date <= $as_of::date
    qualify row_number() over (
        partition by payer, person_id, coalesce(task, ''), coalesce(gap_code, support_program, '')
        order by activity_date desc, appointment_date desc nulls last
    ) = 1
),
kept as (
    select
        payer,
        person_id,
        coalesce(task, '') as task,
        coalesce(gap_code, support_program, '') as subject,
        activity_date as kept_date
    from care_log_entry
    where activity = 'appointment_kept' and activity_date <= $as_of::date
)
select payer, person_id, booked_date, appointment_date
from booked
where
    coalesce(appointment_date, booked_date) >= $as_of::date - $appointment_days::int
    and not exists (
        select 1 from kept
        where
            kept.payer = booked.payer
            and kept.person_id = booked.person_id
            and (
                (
                    kept.task = booked.task
                    and kept.subject = booked.subject
                    and kept.kept_date >= coalesce(booked.appointment_date, booked.booked_date)
                )
                or kept.kept_date = booked.appointment_date
            )
    )
    and not exists (
        select 1 from care_event
        where
            care_event.payer = booked.payer
            and care_event.person_id = booked.person_id
            and care_event.event_date = booked.appointment_date
            and care_event.event_kind = 'office_visit'
    );
create temp table log_of_person as
with told as (
    select
        payer,
        person_id,
        max(activity_date) filter (
            where activity = 'outreach' and outcome in ('reached', 'declined', 'completed')
        ) as contact_date,
        max_by(outcome, (activity_date, outcome)) filter (where activity = 'outreach')
            as last_outcome,
        max(activity_date) filter (where activity = 'outreach') as last_attempt_date,
        max(coordinator_id) filter (where coordinator_role = 'payer_case_manager')
            as logged_case_manager_id
    from care_log_entry
    where activity_date <= $as_of::date
    group by payer, person_id
),
appointments as (
    select
        payer,
        person_id,
        min(appointment_date) filter (where appointment_date >= $as_of::date)
            as next_appointment_date,
        max(appointment_date) filter (where appointment_date < $as_of::date)
            as missed_appointment_date,
        max(booked_date) filter (where appointment_date is null) as appointment_booked_date
    from appointment
    group by payer, person_id
)
select told.*, appointments.* exclude (payer, person_id)
from told
left join appointments using (payer, person_id);
create temp table hand_off as
with sided as (
    select
        payer,
        person_id,
        coordinator_id,
        activity,
        activity_date,
        coalesce(coordinator_role, 'other') = 'payer_case_manager' as is_payers
    from care_log_entry
    where activity_date <= $as_of::date
),
handed as (
    select
        payer,
        person_id,
        is_payers,
        max(activity_date) as handed_date,
        max_by(coordinator_id, (activity_date, coordinator_id)) as handed_by
    from sided
    where activity = 'case_manager_hand_off'
    group by payer, person_id, is_payers
)
select
    handed.payer,
    handed.person_id,
    case when handed.is_payers then 'to the group' else 'to the payer' end as direction,
    handed.handed_date,
    handed.handed_by,
    min(sided.activity_date) as answered_date,
    min_by(sided.coordinator_id, (sided.activity_date, sided.coordinator_id))
        as answered_by
from handed
left join sided
    on
        handed.payer = sided.payer
        and handed.person_id = sided.person_id
        and handed.is_payers <> sided.is_payers
        and sided.activity_date > handed.handed_date
where handed.handed_date >= $as_of::date - $appointment_days::int
group by all;
create temp table log_of_task as
select
    payer,
    person_id,
    case task
        when 'gap' then 'GAP'
        when 'refill' then 'REFILL'
        when 'medication_safety' then 'MED_SAFETY'
        when 'referral' then 'REFERRAL'
        when 'high_risk_review' then 'HR_REVIEW'
    end as task,
    -- A review, of risk or of drugs, is about all there is to review.
    case
        when task not in ('medication_safety', 'high_risk_review')
            then coalesce(gap_code, support_program, '')
        else ''
    end as subject,
    max(activity_date) filter (
        where outcome = 'reported_done' or activity = 'appointment_kept'
    ) as reported_date,
    max(activity_date) filter (
        where
            outcome = 'completed'
            and activity in (
                'medication_review', 'referral', 'care_plan', 'education',
                'guideline_consultation', 'case_manager_hand_off'
            )
    ) as done_date
from care_log_entry
where activity_date <= $as_of::date and task is not null and task <> 'discharge'
group by all
"""

# A contact puts the other tasks to sleep for 14 days, unless something happened after it. What the
# member only reports (or an appointment that was kept) waits for its evidence, 60 days at most; a
# review or a referral that the coordinator made is its own evidence.
_TASKS = """
create temp table something_happened as
select payer, person_id, max(happened_date) as happened_date
from (
    select payer, person_id, chain_admission_date as happened_date from stay
    union all
    select payer, person_id, discharge_date from stay
    union all
    select payer, person_id, event_date from emergency_day
    union all
    select payer, person_id, opened_on from worklist_task
    where task = 'MED_SAFETY' and state = 'CRITICAL'
)
where happened_date <= $as_of::date
group by all;
create temp table task_today as
with discharge_steps as (
    select
        payer, person_id, encounter_key, lace, is_against_advice, discharge_date,
        unnest([
            {'name': 'call', 'due': contact_due_date, 'state': contact_state},
            {'name': 'visit', 'due': visit_due_date, 'state': visit_state},
            {
                'name': 'medication reconciliation',
                'due': reconciliation_due_date,
                'state': reconciliation_state
            }
        ]) as step
    from stay_shown
    where state = 'HOME' and contact_state is not null
),
discharge_tasks as (
    select
        payer,
        person_id,
        'DISCHARGE' as task,
        encounter_key::text as subject,
        '' as title,
        case when bool_or(step.state = 'OPEN') then 'OPEN'
            when bool_or(step.state = 'REPORTED_DONE') then 'REPORTED_DONE'
            else 'CLOSED' end as state,
        50 + 2 * lace + case when is_against_advice then $against_advice::int else 0 end as points,
        min(step.due) filter (where step.state = 'OPEN') as due_date,
        string_agg(step.name || ' by ' || step.due, ', ' order by step.due, step.name)
            filter (where step.state = 'OPEN') as due_text,
        'left hospital ' || discharge_date || ', LACE ' || lace
            || case when is_against_advice then ', against advice' else '' end as evidence,
        discharge_date as opened_on,
        null as sensitivity
    from discharge_steps
    group by payer, person_id, encounter_key, lace, is_against_advice, discharge_date
),
every_task as (
    select
        payer, person_id, task, subject, title, state, points, due_date, due_text, evidence,
        opened_on, sensitivity
    from discharge_tasks
    union all
    select
        payer, person_id, task, subject, title, state, points, due_date, null, evidence, opened_on,
        sensitivity
    from worklist_task
),
judged as (
    select
        every_task.*,
        list_member.program_id,
        log_of_task.reported_date,
        log_of_task.done_date,
        case
            when every_task.task = 'DISCHARGE' then every_task.state
            when
                every_task.task in ('HR_REVIEW', 'REFERRAL', 'MED_SAFETY')
                and log_of_task.done_date >= $as_of::date - 30
                and log_of_task.done_date >= coalesce(every_task.opened_on, log_of_task.done_date)
                then 'DONE'
            when log_of_task.reported_date >= $as_of::date - $reported::int then 'REPORTED_DONE'
            when
                not (every_task.task = 'MED_SAFETY' and every_task.state = 'CRITICAL')
                and log_of_person.contact_date
                    >= $as_of::date - program_capacity.snooze_days + 1
                and coalesce(
                    something_happened.happened_date <= log_of_person.contact_date, true
                ) then 'SNOOZED'
            else 'OPEN'
        end as list_state
    from every_task
    inner join list_member using (payer, person_id)
    inner join program_capacity on list_member.program_id = program_capacity.program_id
    left join permitted_category
        on
            list_member.program_id = permitted_category.program_id
            and every_task.sensitivity = permitted_category.category
    left join log_of_task
        on
            every_task.payer = log_of_task.payer
            and every_task.person_id = log_of_task.person_id
            and every_task.task = log_of_task.task
            and case
                when every_task.task in ('HR_REVIEW', 'MED_SAFETY') then '' else every_task.subject
            end = log_of_task.subject
    left join log_of_person
        on
            every_task.payer = log_of_person.payer
            and every_task.person_id = log_of_person.person_id
    left join something_happened
        on
            every_task.payer = something_happened.payer
            and every_task.person_id = something_happened.person_id
    where every_task.sensitivity is null or permitted_category.category is not null
)
select * from judged
"""

# 100·HR1 + 60·HR2 + 30·HR3 + task points + 2·min(days overdue, 30); of several tasks the greatest,
# and 5 more for each further one.
_CARDS = """
create temp table member_category as
select
    payer,
    person_id,
    bool_or(category = 'HR1') as is_hr1,
    bool_or(category = 'HR2') as is_hr2,
    bool_or(category = 'HR3') as is_hr3
from (
    select payer, person_id, subject as category from worklist_task where task = 'HR_REVIEW'
    union all
    select payer, person_id, 'HR1' from stay_shown
    where
        state in ('HOME', 'FACILITY')
        and (lace >= 10 or is_heart_or_lung or was_readmitted)
)
group by all;
create temp table task_ranked as
select
    task_today.*,
    coalesce(member_category.is_hr1, false) as is_hr1,
    coalesce(member_category.is_hr2, false) as is_hr2,
    coalesce(member_category.is_hr3, false) as is_hr3,
    greatest(coalesce($as_of::date - task_today.due_date, 0), 0) as days_overdue,
    100 * coalesce(member_category.is_hr1, false)::int
    + 60 * coalesce(member_category.is_hr2, false)::int
    + 30 * coalesce(member_category.is_hr3, false)::int
    + task_today.points
    + case
        when
            task_today.task = 'REFILL' and (member_category.is_hr1 or member_category.is_hr2) then 5
        else 0
    end
    + 2 * least(greatest(coalesce($as_of::date - task_today.due_date, 0), 0), 30) as priority
from task_today
left join member_category using (payer, person_id)
where task_today.list_state = 'OPEN';
create temp table card_ranked as
with carded as (
    select
        payer,
        person_id,
        -- Reviews for several categories are one review.
        count(*) filter (where task <> 'HR_REVIEW')
        + bool_or(task = 'HR_REVIEW')::int as tasks,
        max(priority) as most,
        min(due_date) as due_date,
        bool_or(is_hr1) as is_hr1,
        bool_or(is_hr2) as is_hr2,
        bool_or(is_hr3) as is_hr3
    from task_ranked
    group by payer, person_id
)
select
    carded.* exclude (most),
    most + 5 * (tasks - 1) as priority,
    list_member.program_id,
    list_member.partner_id,
    list_member.coordinator_id,
    row_number() over (
        partition by list_member.program_id, list_member.partner_id, list_member.coordinator_id
        order by
            most + 5 * (tasks - 1) desc, due_date nulls last, carded.payer, carded.person_id
    ) as rank
from carded
inner join list_member using (payer, person_id);
create temp table card as
select
    carded.*,
    list_member.practice_id,
    list_member.npi,
    coalesce(log_of_person.logged_case_manager_id, list_member.case_manager_id)
        as case_manager_id,
    list_member.is_provisional,
    list_member.last_name,
    list_member.first_name,
    list_member.birth_date,
    list_member.phone_number,
    list_member.phone_type,
    list_member.language_code,
    list_member.preferred_contact,
    log_of_person.last_attempt_date,
    log_of_person.last_outcome,
    log_of_person.next_appointment_date,
    log_of_person.missed_appointment_date,
    log_of_person.appointment_booked_date,
    to_payer.handed_date as waits_for_payer_since,
    to_group.handed_date as waits_for_group_since
from card_ranked as carded
inner join program_capacity
    on
        carded.program_id = program_capacity.program_id
        and carded.rank <= program_capacity.daily_contacts
inner join list_member
    on carded.payer = list_member.payer and carded.person_id = list_member.person_id
left join log_of_person
    on carded.payer = log_of_person.payer and carded.person_id = log_of_person.person_id
left join hand_off as to_payer
    on
        carded.payer = to_payer.payer
        and carded.person_id = to_payer.person_id
        and to_payer.direction = 'to the payer'
        and to_payer.answered_date is null
left join hand_off as to_group
    on
        carded.payer = to_group.payer
        and carded.person_id = to_group.person_id
        and to_group.direction = 'to the group'
        and to_group.answered_date is null
"""
