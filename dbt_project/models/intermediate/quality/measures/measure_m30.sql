{{ config(materialized='ephemeral') }}

-- METHODS D.1 M30: discharges home from an acute stay (the last one of a chain of transfers),
-- followed by a visit to primary care or a transition visit within 14 days, the day of discharge not
-- counted; M30B within 7, M30C within 30 days. M30D: after which the drugs were reconciled within 30
-- days, by a service of its own or a transition visit. A readmission before any such event excludes.

with

aged as (

    {{ measure_members(['M30', 'M30B', 'M30C', 'M30D']) }}

),

stays as (

    select * from {{ ref('int_inpatient_stay') }}

),

primary_care_visits as (

    select * from {{ ref('int_primary_care_visit') }} where tier = 1

),

discharges as (

    select
        person_key,
        discharge_date
    from stays
    where
        stay_type = 'acute'
        and discharge_status_code in ('01', '06')
        and not exists (
            select 1
            from stays as transfers
            where
                transfers.person_key = stays.person_key
                and transfers.stay_type = 'acute'
                and transfers.admission_date <= {{ date_plus_days('stays.discharge_date', 1) }}
                and coalesce(transfers.discharge_date, date '9999-12-31') > stays.discharge_date
        )
    group by person_key, discharge_date

),

members as (

    select
        aged.*,
        case aged.measure_id
            when 'M30' then 14
            when 'M30B' then 7
            else 30
        end as follow_up_days,
        discharges.discharge_date as measured_date
    from aged
    inner join discharges
        on
            aged.person_key = discharges.person_key
            and discharges.discharge_date >= aged.period_start_date
            and discharges.discharge_date <= aged.evaluation_date

),

services as (

    {{ follow_up_visits(['transition_visit', 'medication_reconciliation']) }}
    and (
        members.measure_id = 'M30D' or events.concept_key = {{ concept('transition_visit') }}
    )
    union all
    select
        members.measure_id,
        members.measure_year,
        members.person_key,
        members.measured_date,
        cast(null as bigint) as claim_key,
        cast(null as decimal(12, 3)) as value,
        true as is_met,
        primary_care_visits.visit_date as event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as next_due_date
    from members
    inner join primary_care_visits
        on
            members.person_key = primary_care_visits.person_key
            and primary_care_visits.visit_date > members.measured_date
            and primary_care_visits.visit_date
            <= {{ date_plus_days('members.measured_date', 'members.follow_up_days') }}
    where members.measure_id <> 'M30D'

),

first_visits as (

    select
        measure_id,
        measure_year,
        person_key,
        measured_date,
        min(event_date) as visit_date
    from services
    group by measure_id, measure_year, person_key, measured_date

),

exclusions as (

    select
        members.measure_id,
        members.measure_year,
        members.person_key,
        members.measured_date,
        'READMITTED' as reason
    from members
    inner join stays
        on
            members.person_key = stays.person_key
            and stays.admission_date > members.measured_date
            and stays.admission_date
            <= {{ date_plus_days('members.measured_date', 'members.follow_up_days') }}
    left join first_visits
        on
            {{ equal_keys(
                'first_visits', ['measure_id', 'measure_year', 'person_key', 'measured_date']
            ) }}
    where first_visits.visit_date is null or stays.admission_date < first_visits.visit_date

),

{{ measure_rows(
    has_rates=true,
    has_rated_exclusions=true,
    is_event_based=true,
    due_date=date_plus_days('measured_date', 'follow_up_days')
) }}

select * from final
