"""The daily list: who is in hospital, who left, what is due, and what closed it (METHODS F.4).

Reads `encounter`, `encounter_member`, `care_member`, `care_event`, `care_log_entry`, `roster`. How
tasks become cards does not belong here (`cards.py`).
"""

from datetime import date, timedelta

import duckdb

from orchestration.coordination.business_days import register_calendar
from orchestration.coordination.encounters import LOOK_BACK_DAYS
from orchestration.coordination.sources import run_statements

DEATH = ("20", "40", "41", "42")
HOSPICE = ("50", "51")
TRANSFER = ("02", "05", "43", "66")
FACILITY = ("03", "61", "62", "63", "64")
AGAINST_ADVICE = "07"
LACE_HIGH = 10
FOLLOW_DAYS = 30
PROVISIONAL_DAYS = 60
"""A provisional member (METHODS B.6) stays one for two months: by then claims have come."""
SILENT_DAYS = 30
"""After so many days without a word of a visit nobody knows whether she is still there."""

LISTED = ("IN_HOSPITAL", "HOME", "FACILITY", "HOSPICE", "WAITING_FOR_TRANSFER")


def build_discharges(connection: duckdb.DuckDBPyConnection, as_of: date) -> None:
    """Make tables `stay` (one row per matched stay and what became of it) and `belonging`.

    `stay.state`: IN_HOSPITAL, or NO_DISCHARGE_TOLD after a month of silence; HOME, FACILITY,
    HOSPICE, WAITING_FOR_TRANSFER after a discharge; closed: TRANSFERRED, READMITTED, DIED, EXPIRED.
    Contact, visit and reconciliation each have a due date, the evidence that closed them, and a
    state. `belonging` says whose list a person is on today, provisional members (B.6) included, and
    else why on none.
    """
    since = as_of - timedelta(days=LOOK_BACK_DAYS + 10)
    register_calendar(connection, since, as_of + timedelta(days=60))
    run_statements(
        connection,
        ";".join((_BELONGING, _STAYS, _EMERGENCIES, _RISK, _EVIDENCE, _TASKS)),
        as_of=as_of,
        days=FOLLOW_DAYS,
        high=LACE_HIGH,
        provisional_days=PROVISIONAL_DAYS,
        silent_days=SILENT_DAYS,
    )


def _codes(codes: tuple[str, ...]) -> str:
    return "(" + ", ".join(f"'{code}'" for code in codes) + ")"


# Attributed today, else provisional: a covered person in no program whose hospital names a
# primary-care clinician (or has one in charge) who is on exactly one program's roster.
_BELONGING = """
create temp table roster_today as
select
    payer,
    npi,
    min(program_id) as program_id,
    min(partner_id) as partner_id,
    min(practice_id) as practice_id,
    count(distinct program_id) as programs
from roster
where
    program_id is not null
    and role = 'pcp'
    and roster_start_date <= $as_of::date
    and roster_end_date >= $as_of::date
group by all;
create temp table provisional_claim as
select
    encounter.payer,
    encounter_member.person_id,
    roster_today.* exclude (payer),
    encounter.last_event_at
from encounter_member
inner join encounter using (encounter_key)
inner join roster_today
    on
        encounter.payer = roster_today.payer
        and roster_today.npi = coalesce(encounter.primary_care_npi, encounter.attending_npi)
where encounter.last_event_at >= $as_of::date - $provisional_days::int;
create temp table provisional_member as
select
    payer,
    person_id,
    max_by(program_id, (last_event_at, program_id, npi)) as program_id,
    max_by(partner_id, (last_event_at, program_id, npi)) as partner_id,
    max_by(practice_id, (last_event_at, program_id, npi)) as practice_id,
    max_by(npi, (last_event_at, program_id, npi)) as npi,
    count(distinct program_id) > 1 or max(programs) > 1 as is_contested
from provisional_claim
group by payer, person_id;
create temp table belonging as
select
    care_member.* exclude (program_id, partner_id, practice_id, npi),
    coalesce(
        care_member.program_id, provisional_member.program_id, care_member.encounter_program_id
    ) as program_id,
    coalesce(
        care_member.partner_id, provisional_member.partner_id, care_member.encounter_partner_id
    ) as partner_id,
    coalesce(care_member.practice_id, provisional_member.practice_id) as practice_id,
    coalesce(care_member.npi, provisional_member.npi) as npi,
    care_member.program_id is null
    and coalesce(provisional_member.program_id, care_member.encounter_program_id) is not null
        as is_provisional,
    case
        when care_member.death_date <= $as_of::date then 'DECEASED'
        when not care_member.is_covered then 'NOT_COVERED'
        when care_member.is_hospice then 'HOSPICE'
        when care_member.opt_out_date <= $as_of::date then 'OPTED_OUT'
        when
            care_member.program_id is null
            and (
                coalesce(provisional_member.is_contested, false)
                or provisional_member.program_id <> care_member.encounter_program_id
                or care_member.is_seen_by_two_programs
            )
            then 'TWO_PROGRAMS'
        when
            care_member.program_id is null
            and provisional_member.program_id is null
            and care_member.encounter_program_id is null
            then 'IN_NO_PROGRAM'
    end as off_list_reason
from care_member
left join provisional_member using (payer, person_id)
"""

# Stays of one person in order; the same day at another hospital, or the day after a discharge "to
# another hospital", is a transfer, and the chain's last discharge counts (F.3, F.4).
_STAYS = f"""
create temp table person_stay as
with known as (
    select
        encounter.*,
        encounter_member.person_id,
        encounter_member.score,
        encounter.admitted_at::date as admission_date,
        encounter.discharged_at::date as discharge_date
    from encounter
    inner join encounter_member using (encounter_key)
    where encounter.patient_class in ('inpatient', 'observation')
),
sequenced as (
    select
        *,
        lead(facility) over following as next_facility,
        lead(admission_date) over following as next_admission_date,
        lead(admitted_at) over following as next_admitted_at,
        lead(patient_class) over following as next_class
    from known
    window following as (
        partition by payer, person_id order by admitted_at, encounter_key
    )
)
select
    *,
    coalesce(
        discharge_date is not null
        and next_facility <> facility
        and (
            next_admission_date = discharge_date
            or (
                disposition_code in {_codes(TRANSFER)}
                and next_admission_date between discharge_date and discharge_date + 1
            )
        ),
        false
    ) as is_transferred
from sequenced;
create temp table chained_stay as
select
    *,
    sum(case when coalesce(was_transferred, false) then 0 else 1 end) over (
        partition by payer, person_id order by admitted_at, encounter_key
    ) as chain
from (
    select *, lag(is_transferred) over (
        partition by payer, person_id order by admitted_at, encounter_key
    ) as was_transferred
    from person_stay
);
create temp table stay_state as
select
    chained_stay.* exclude (was_transferred),
    first_value(admission_date) over whole_chain as chain_admission_date,
    bool_or(is_from_emergency or is_urgent) over whole_chain as is_acute,
    case
        when discharged_at is null and last_event_at < $as_of::date - $silent_days::int
            then 'NO_DISCHARGE_TOLD'
        when discharged_at is null then 'IN_HOSPITAL'
        when is_transferred then 'TRANSFERRED'
        when disposition_code in {_codes(DEATH)} then 'DIED'
        when next_class = 'inpatient' and next_admission_date <= discharge_date + $days::int
            then 'READMITTED'
        when discharge_date < $as_of::date - $days::int then 'EXPIRED'
        when disposition_code in {_codes(HOSPICE)} then 'HOSPICE'
        when disposition_code in {_codes(TRANSFER)} then 'WAITING_FOR_TRANSFER'
        when disposition_code in {_codes(FACILITY)} then 'FACILITY'
        else 'HOME'
    end as state
from chained_stay
window whole_chain as (
    partition by payer, person_id, chain order by admitted_at, encounter_key
    rows between unbounded preceding and unbounded following
)
"""

# Emergency visits from claims and from messages, a day once.
_EMERGENCIES = """
create temp table emergency_day as
select payer, person_id, event_date from care_event where event_kind = 'ed_visit'
union
select encounter.payer, encounter_member.person_id, encounter.admitted_at::date
from encounter
inner join encounter_member using (encounter_key)
where encounter.patient_class = 'emergency'
"""

# LACE (F.1): C comes from claims before; without it the score is a lower bound and says so.
_RISK = """
create temp table stay_risk as
with emergencies as (
    select stay_state.encounter_key, count(*) as visits
    from stay_state
    inner join emergency_day
        on
            stay_state.payer = emergency_day.payer
            and stay_state.person_id = emergency_day.person_id
            and emergency_day.event_date
                >= (stay_state.chain_admission_date - interval 6 month)::date
            and emergency_day.event_date < stay_state.chain_admission_date
            and (
                stay_state.came_at is null or emergency_day.event_date <> stay_state.came_at::date
            )
    group by all
),
scored as (
    select
        stay_state.*,
        coalesce(stay_state.discharge_date, $as_of::date) - stay_state.chain_admission_date
            as length_of_stay_days,
        belonging.comorbidity_points,
        coalesce(emergencies.visits, 0) as emergency_visits,
        belonging.* exclude (
            encounter_program_id, encounter_partner_id, payer, person_id, last_name, first_name,
            birth_date, sex, comorbidity_points
        )
    from stay_state
    inner join belonging using (payer, person_id)
    left join emergencies using (encounter_key)
)
select
    * replace (
        case
            when state in ('HOME', 'FACILITY', 'WAITING_FOR_TRANSFER', 'HOSPICE', 'READMITTED')
                and death_date <= $as_of::date then 'DIED'
            else state
        end as state
    ),
    case
        when length_of_stay_days >= 14 then 7
        when length_of_stay_days >= 7 then 5
        when length_of_stay_days >= 4 then 4
        else greatest(length_of_stay_days, 0)
    end
    + case when is_acute then 3 else 0 end
    + case
        when comorbidity_points >= 4 then 5 else coalesce(comorbidity_points, 0)
    end
    + least(emergency_visits, 4) as lace,
    comorbidity_points is null as is_lace_incomplete
from scored
"""

# What closes a task: the log for contact and reconciliation, a claim for the visit. A visit that
# was only reported (kept, says the log) waits for its claim as REPORTED_DONE, for 60 days.
_EVIDENCE = """
create temp table stay_evidence as
with log_entry as (
    select payer, person_id, activity, outcome, task, activity_date
    from care_log_entry
    where
        activity_date <= $as_of::date
        and (task is null or task = 'discharge')
)
select
    stay_risk.encounter_key,
    min(log_entry.activity_date) filter (
        where log_entry.activity = 'outreach' and log_entry.outcome in ('reached', 'completed')
    ) as contact_date,
    count(*) filter (where log_entry.activity = 'outreach') as contact_attempts,
    max_by(log_entry.outcome, (log_entry.activity_date, log_entry.outcome))
        filter (where log_entry.activity = 'outreach') as last_contact_outcome,
    min(log_entry.activity_date) filter (
        where log_entry.activity = 'medication_review' and log_entry.outcome = 'completed'
    ) as reconciliation_date,
    min(log_entry.activity_date) filter (
        where log_entry.activity = 'medication_review' and log_entry.outcome = 'reported_done'
    ) as reconciliation_reported_date,
    min(log_entry.activity_date) filter (
        where log_entry.activity = 'appointment_kept'
    ) as visit_reported_date
from stay_risk
inner join log_entry
    on
        stay_risk.payer = log_entry.payer
        and stay_risk.person_id = log_entry.person_id
        and log_entry.activity_date between stay_risk.discharge_date
            and stay_risk.discharge_date + $days::int
group by all;
create temp table stay_visit as
select stay_risk.encounter_key, min(care_event.event_date) as visit_date
from stay_risk
inner join care_event
    on
        stay_risk.payer = care_event.payer
        and stay_risk.person_id = care_event.person_id
        and care_event.event_kind = 'office_visit'
        and care_event.event_date > stay_risk.discharge_date
        and care_event.event_date <= stay_risk.discharge_date + $days::int
group by all
"""

_TASKS = """
create temp table stay as
select
    stay_risk.encounter_key,
    stay_risk.payer,
    stay_risk.person_id,
    stay_risk.program_id,
    stay_risk.partner_id,
    stay_risk.practice_id,
    stay_risk.npi,
    stay_risk.coordinator_id,
    stay_risk.is_provisional,
    stay_risk.off_list_reason,
    stay_risk.source_id,
    stay_risk.facility_code,
    stay_risk.facility_npi,
    stay_risk.visit_number,
    stay_risk.patient_class,
    stay_risk.location,
    stay_risk.diagnosis_code,
    stay_risk.diagnosis_text,
    stay_risk.admit_reason,
    stay_risk.state,
    stay_risk.disposition_code,
    coalesce(stay_risk.disposition_code = '07', false) as is_against_advice,
    stay_risk.is_acute,
    stay_risk.was_reopened,
    stay_risk.admission_date,
    stay_risk.chain_admission_date,
    stay_risk.discharge_date,
    stay_risk.expected_discharge_at::date as expected_discharge_date,
    stay_risk.transferred_at,
    stay_risk.length_of_stay_days,
    stay_risk.emergency_visits,
    stay_risk.lace,
    stay_risk.is_lace_incomplete,
    stay_risk.was_readmitted,
    stay_risk.next_admission_date as readmission_date,
    case when is_due then calendar_day.contact_due_date end as contact_due_date,
    case
        when is_due
            then stay_risk.discharge_date + case when stay_risk.lace >= $high then 7 else 14 end
    end as visit_due_date,
    case when is_due then stay_risk.discharge_date + $days::int end as reconciliation_due_date,
    stay_evidence.contact_date,
    coalesce(stay_evidence.contact_attempts, 0) as contact_attempts,
    stay_evidence.last_contact_outcome,
    stay_visit.visit_date,
    stay_evidence.visit_reported_date,
    stay_evidence.reconciliation_date,
    stay_evidence.reconciliation_reported_date,
    case
        when not is_due then null
        when stay_evidence.contact_date is not null then 'CLOSED'
        else 'OPEN'
    end as contact_state,
    case
        when not is_due then null
        when stay_visit.visit_date is not null then 'CLOSED'
        when stay_evidence.visit_reported_date >= $as_of::date - 60 then 'REPORTED_DONE'
        else 'OPEN'
    end as visit_state,
    case
        when not is_due then null
        when stay_evidence.reconciliation_date is not null then 'CLOSED'
        when stay_evidence.reconciliation_reported_date >= $as_of::date - 60 then 'REPORTED_DONE'
        else 'OPEN'
    end as reconciliation_state,
    stay_risk.last_event_at,
    stay_risk.last_delivered_on
from (
    select *, state = 'HOME' and patient_class = 'inpatient' as is_due from stay_risk
) as stay_risk
left join calendar_day on stay_risk.discharge_date = calendar_day.day
left join stay_evidence using (encounter_key)
left join stay_visit using (encounter_key)
"""
