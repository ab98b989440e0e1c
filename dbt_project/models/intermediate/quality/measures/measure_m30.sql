{{ config(materialized='ephemeral') }}

-- METHODS D.1 M30: discharges home from an acute stay (the last one of a chain of transfers), followed
-- by a visit to primary care or a transition visit within 14 days, the day of discharge not counted. A
-- readmission before any such visit excludes.

with

aged as (

    {{ measure_members('M30') }}

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
    where stay_type = 'acute' and discharge_status_code in ('01', '06')
    group by person_key, discharge_date

),

members as (

    select
        aged.*,
        discharges.discharge_date as measured_date
    from aged
    inner join discharges
        on
            aged.person_key = discharges.person_key
            and discharges.discharge_date >= aged.period_start_date
            and discharges.discharge_date <= aged.evaluation_date
    where
        not exists (
            select 1
            from stays as transfers
            where
                transfers.person_key = discharges.person_key
                and transfers.stay_type = 'acute'
                and transfers.admission_date <= {{ date_plus_days('discharges.discharge_date', 1) }}
                and coalesce(transfers.discharge_date, date '9999-12-31')
                > discharges.discharge_date
        )

),

services as (

    {{ follow_up_visits(['transition_visit'], 14) }}
    union all
    select
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
            and primary_care_visits.visit_date <= {{ date_plus_days('members.measured_date', 14) }}

),

first_visits as (

    select
        measure_year,
        person_key,
        measured_date,
        min(event_date) as visit_date
    from services
    group by measure_year, person_key, measured_date

),

exclusions as (

    select
        members.measure_year,
        members.person_key,
        members.measured_date,
        'READMITTED' as reason
    from members
    inner join stays
        on
            members.person_key = stays.person_key
            and stays.admission_date > members.measured_date
            and stays.admission_date <= {{ date_plus_days('members.measured_date', 14) }}
    left join first_visits
        on
            members.measure_year = first_visits.measure_year
            and members.person_key = first_visits.person_key
            and members.measured_date = first_visits.measured_date
    where first_visits.visit_date is null or stays.admission_date < first_visits.visit_date

),

{{ measure_rows(is_event_based=true, due_date=date_plus_days('measured_date', 14)) }}

select * from final
