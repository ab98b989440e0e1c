"""What could not be placed, with the reason and what to do about it; and who belongs to nobody.

Nothing here was guessed: each row waits for a person. What coordinators are shown does not belong
here (`content.py`).
"""

import duckdb

from orchestration.coordination.content import Row, rows_of
from orchestration.coordination.matching import QUEUE_REASONS

QUEUE_FIXES = {
    **QUEUE_REASONS,
    "TWO_PROGRAMS": "Her encounters, or the rosters of the clinician named, speak for two "
    "programs: ask the member, or the groups, whose patient she is.",
    "NO_DISCHARGE_TOLD": "No word of this stay for a month: ask the hospital whether she left.",
    "COORDINATOR_WITHOUT_MEMBERS": "The care log names a coordinator of a group without "
    "covered members: check whose coordinator it is.",
    "UNKNOWN_MEMBER": "The care log names a member the payer does not know: check the number.",
    "UNKNOWN_GAP": "The care log tells of a gap this member does not have: it closes nothing; "
    "check measure and member.",
    "MEMBER_OF_ANOTHER_GROUP": "The care log of one group tells of a member of another: ask "
    "whose patient she is.",
}


def read_queue(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Everything that could not be placed; `payer` and `person_id` where it is about a member."""
    rows = rows_of(connection, _QUEUE)
    for row in rows:
        row["what_to_do"] = QUEUE_FIXES[str(row["reason"])]
    return rows


def read_unattributed(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """Covered members of no doctor, whom no encounter made provisional either (METHODS B.6).

    Those whom a hospital told of first, the latest before; they are on no coordinator's list.
    """
    return rows_of(connection, _UNATTRIBUTED)


def read_coverage(connection: duckdb.DuckDBPyConnection) -> list[Row]:
    """By hospital, how many of the stays that claims tell of it told of itself (F.4, step 5)."""
    return rows_of(connection, _COVERAGE)


_QUEUE = """
with log_rows as (
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
    'best likeness ' || coalesce(round(best_score, 2)::text, 'none') as detail,
    null as payer, null as person_id
from adt_queue inner join encounter using (encounter_key)
union all
select 'TWO_PROGRAMS', null, null, 'member ' || person_id, null,
    concat_ws(' or ', program_id, nullif(encounter_program_id, program_id)), payer, person_id
from belonging where off_list_reason = 'TWO_PROGRAMS'
union all
select 'NO_DISCHARGE_TOLD', source_id, facility_code, 'visit ' || visit_number,
    last_event_at::date, 'member ' || person_id, payer, person_id
from stay where state = 'NO_DISCHARGE_TOLD'
union all
select 'COORDINATOR_WITHOUT_MEMBERS', source_id, null, 'coordinator ' || coordinator_id,
    max(activity_date), null, null, null
from log_rows
where
    coordinator_id is not null
    and coalesce(coordinator_role, 'other') <> 'payer_case_manager'
    and coordinator_id not in (
        select coordinator_id from coordinator where coordinator_id is not null
    )
group by all
union all
select 'UNKNOWN_MEMBER', source_id, null, 'log entry ' || care_log_id, activity_date, null,
    null, null
from log_rows where not is_known
union all
select 'UNKNOWN_GAP', source_id, null, 'log entry ' || care_log_id, activity_date,
    coalesce(gap_code, 'no measure named'), payer, person_id
from log_rows
where
    is_known and task = 'gap'
    and not exists (
        select 1 from gap
        where
            gap.payer = log_rows.payer
            and gap.person_id = log_rows.person_id
            and gap.measure_id = log_rows.gap_code
            and gap.state <> 'EXCLUDED'
    )
union all
select 'MEMBER_OF_ANOTHER_GROUP', source_id, null, 'log entry ' || care_log_id,
    activity_date, null, payer, person_id
from log_rows
where member_partner_id is not null and sender_partner_id <> member_partner_id
order by reason, source_id, event_date, what
"""

_UNATTRIBUTED = """
with told as (
    select
        encounter.payer,
        encounter_member.person_id,
        max(encounter.last_event_at)::date as hospital_date
    from encounter_member inner join encounter using (encounter_key)
    group by all
)
select
    belonging.payer,
    belonging.person_id,
    belonging.birth_date,
    belonging.sex,
    belonging.last_name,
    belonging.first_name,
    belonging.phone_number,
    belonging.cover_end_date,
    told.hospital_date
from belonging
left join told using (payer, person_id)
where belonging.is_unattributed and belonging.off_list_reason = 'IN_NO_PROGRAM'
order by told.hospital_date desc nulls last, belonging.payer, belonging.person_id
"""

# Stays that claims tell of, in days of which their hospital tells at all, and those it told of: the
# same person and hospital, admitted a day either way.
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
