"""Hospital messages as encounters: what a visit is by now, after every correction (METHODS F.4).

One row per facility and visit number. Messages come twice, late and out of order; cancellations
take back, merges rename. To whom a visit belongs does not belong here (`matching.py`).
"""

from datetime import date

import duckdb

from orchestration.coordination.sources import run_statements

LOOK_BACK_DAYS = 400
"""Older messages tell nothing of today; a year is needed for admissions before this one."""

# The last message of one event by control time; the facility is its NPI where the sender knows it,
# so that two groups that are told of the same visit tell of one visit.
_TOLD = """
create temp table told_message as
select
    * replace (replace(diagnosis_code, '.', '') as diagnosis_code),
    coalesce(facility_npi, source_id || '/' || facility_code) as facility,
    row_number() over (
        order by message_at, event_at, message_id, delivery_order, row_number
    ) as told_order
from adt_message
where event_at >= $as_of::date - $days::int and event_at < $as_of::date + 1
qualify row_number() over (
    partition by
        payer, facility, visit_number, event_type, event_at,
        case when event_type = 'A40' then medical_record_number end,
        case when event_type = 'A40' then prior_medical_record_number end
    order by message_at desc, delivery_order desc, message_id desc, row_number desc
) = 1
"""

# A40: the number merged away becomes the one that stays, through chains of merges. Two numbers that
# are merged into each other stay apart.
_MERGED = """
create temp table merged_number as
with recursive merge_told as (
    select
        payer,
        facility,
        prior_medical_record_number as old_number,
        max_by(medical_record_number, told_order) as new_number
    from told_message
    where
        event_type = 'A40'
        and medical_record_number is not null
        and prior_medical_record_number <> medical_record_number
    group by all
),
chain as (
    select payer, facility, old_number, new_number, 1 as steps from merge_told
    union
    select chain.payer, chain.facility, chain.old_number, merge_told.new_number, chain.steps + 1
    from chain
    inner join merge_told
        on
            chain.payer = merge_told.payer
            and chain.facility = merge_told.facility
            and chain.new_number = merge_told.old_number
    where chain.steps < 20
)
select chain.payer, chain.facility, chain.old_number, min(chain.new_number) as new_number
from chain
anti join merge_told
    on
        chain.payer = merge_told.payer
        and chain.facility = merge_told.facility
        and chain.new_number = merge_told.old_number
group by all
"""

_MERGED_VISITS = """
create temp table merged_visit as
select
    payer, facility, prior_visit_number as old_visit, max_by(visit_number, told_order) as new_visit
from told_message
where event_type = 'A40' and prior_visit_number is not null and visit_number is not null
group by all
"""

_MESSAGES = """
create temp table visit_message as
select
    told_message.* replace (
        coalesce(merged_visit.new_visit, told_message.visit_number) as visit_number,
        coalesce(merged_number.new_number, told_message.medical_record_number)
            as medical_record_number
    ),
    row_number() over (
        partition by
            told_message.payer,
            told_message.facility,
            coalesce(merged_visit.new_visit, told_message.visit_number)
        order by told_message.event_at, told_message.told_order
    ) as seq
from told_message
left join merged_number
    on
        told_message.payer = merged_number.payer
        and told_message.facility = merged_number.facility
        and told_message.medical_record_number = merged_number.old_number
left join merged_visit
    on
        told_message.payer = merged_visit.payer
        and told_message.facility = merged_visit.facility
        and told_message.visit_number = merged_visit.old_visit
where told_message.event_type <> 'A40'
"""

# A transfer that was cancelled: the last one before its cancellation.
_VOID = """
create temp table void_transfer as
select payer, facility, visit_number, max(moved.seq) as seq
from visit_message as cancelled
inner join visit_message as moved using (payer, facility, visit_number)
where cancelled.event_type = 'A12' and moved.event_type = 'A02' and moved.seq < cancelled.seq
group by payer, facility, visit_number, cancelled.seq
"""

# A11 removes, A13 reopens, a later admission reopens; the class is that of the last message, so A06
# makes an inpatient of who came through the emergency room.
_ENCOUNTERS = """
create temp table encounter_told as
select
    payer,
    facility,
    visit_number,
    max_by(source_id, seq) as source_id,
    max_by(facility_code, seq) as facility_code,
    max_by(facility_npi, seq) filter (where facility_npi is not null) as facility_npi,
    max_by(medical_record_number, seq)
        filter (where medical_record_number is not null) as medical_record_number,
    max_by(patient_class, seq) filter (
        where patient_class is not null and event_type not in ('A11', 'A12', 'A13')
    ) as patient_class,
    max_by(event_type, seq)
        filter (where event_type in ('A01', 'A04', 'A05', 'A06', 'A07', 'A11')) as last_start,
    max_by(event_type, seq)
        filter (where event_type in ('A01', 'A03', 'A06', 'A07', 'A13')) as last_end,
    min(coalesce(admitted_at, event_at)) filter (where patient_class = 'emergency') as came_at,
    coalesce(
        max_by(admitted_at, seq)
            filter (
                where patient_class in ('inpatient', 'observation') and admitted_at is not null
            ),
        min(event_at) filter (where event_type in ('A01', 'A06')),
        min(coalesce(admitted_at, event_at))
    ) as admitted_at,
    max_by(coalesce(discharged_at, event_at), seq)
        filter (where event_type = 'A03') as last_discharged_at,
    max_by(discharge_disposition_code, seq) filter (
        where event_type = 'A03' and discharge_disposition_code is not null
    ) as last_disposition_code,
    max_by(expected_discharge_at, seq)
        filter (where expected_discharge_at is not null) as expected_discharge_at,
    max_by(location, seq)
        filter (where location is not null and void_transfer.seq is null) as location,
    max_by(event_at, seq)
        filter (where event_type = 'A02' and void_transfer.seq is null) as transferred_at,
    max_by(diagnosis_code, seq) filter (where diagnosis_code is not null) as diagnosis_code,
    max_by(diagnosis_text, seq) filter (where diagnosis_text is not null) as diagnosis_text,
    max_by(admit_reason, seq) filter (where admit_reason is not null) as admit_reason,
    max_by(attending_npi, seq) filter (where attending_npi is not null) as attending_npi,
    max_by(primary_care_npi, seq) filter (where primary_care_npi is not null) as primary_care_npi,
    bool_or(patient_class = 'emergency' or event_type = 'A06') as is_from_emergency,
    coalesce(
        max_by(admission_type, seq) filter (where admission_type is not null)
            in ('emergency', 'urgent', 'trauma'),
        false
    ) as is_urgent,
    bool_or(event_type = 'A13') as was_reopened,
    count(*) as messages,
    max(event_at) as last_event_at,
    max(visit_message.delivered_on) as last_delivered_on
from visit_message
left join void_transfer using (payer, facility, visit_number, seq)
group by payer, facility, visit_number
"""

# Who it is: each field as last told of the visit, or by a merge into its record number.
_IDENTITIES = """
create temp table identity_told as
with said as (
    select payer, facility, visit_number, told_order, person_id, last_name, first_name, birth_date,
        sex
    from visit_message
    union all
    select encounter_told.payer, encounter_told.facility, encounter_told.visit_number,
        told_message.told_order, told_message.person_id, told_message.last_name,
        told_message.first_name, told_message.birth_date, told_message.sex
    from encounter_told
    inner join told_message
        on
            encounter_told.payer = told_message.payer
            and encounter_told.facility = told_message.facility
            and encounter_told.medical_record_number = told_message.medical_record_number
    where told_message.event_type = 'A40'
)
select
    payer,
    facility,
    visit_number,
    max_by(person_id, told_order) filter (where person_id is not null) as person_id,
    max_by(last_name, told_order) filter (where last_name is not null) as last_name,
    max_by(first_name, told_order) filter (where first_name is not null) as first_name,
    max_by(birth_date, told_order) filter (where birth_date is not null) as birth_date,
    max_by(sex, told_order) filter (where sex in ('F', 'M')) as sex
from said
group by all
"""

_FINAL = """
create temp table encounter as
select
    row_number() over (order by payer, facility, visit_number) as encounter_key,
    encounter_told.* exclude (last_start, last_end, last_discharged_at, last_disposition_code),
    identity_told.* exclude (payer, facility, visit_number, person_id),
    identity_told.person_id as told_person_id,
    coalesce(last_start = 'A11', false) as is_cancelled,
    case when last_end = 'A03' then last_discharged_at end as discharged_at,
    case when last_end = 'A03' then last_disposition_code end as disposition_code
from encounter_told
inner join identity_told using (payer, facility, visit_number)
"""


def build_encounters(connection: duckdb.DuckDBPyConnection, as_of: date) -> int:
    """Make table `encounter` of relation `adt_message` as known on `as_of`; return its rows.

    Columns: encounter_key, payer, facility, visit_number, what was last told of class, ward, times,
    diagnosis and identity (told_person_id), is_cancelled, discharged_at (null while in hospital).
    """
    run_statements(
        connection,
        ";".join(
            (_TOLD, _MERGED, _MERGED_VISITS, _MESSAGES, _VOID, _ENCOUNTERS, _IDENTITIES, _FINAL)
        ),
        as_of=as_of,
        days=LOOK_BACK_DAYS,
    )
    return int(connection.execute("select count(*) from encounter").fetchall()[0][0])
