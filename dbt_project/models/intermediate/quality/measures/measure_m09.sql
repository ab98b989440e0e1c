{{ config(materialized='ephemeral') }}

-- METHODS D.1 M09: members with essential hypertension on two outpatient days between 1 January of
-- the year before and 30 June whose lowest systolic pressure is below 140 and lowest diastolic
-- below 90 on the most recent day of the year with a reading of both. Pregnancy in the year, kidney
-- failure, dialysis, a kidney transplant, and frailty from 81 on exclude.

with

aged as (

    {{ measure_members('M09') }}

),

diagnoses as (

    select
        aged.measure_year,
        aged.person_key,
        min(events.event_date) as first_date
    from aged
    inner join {{ ref('int_clinical_event') }} as events
        on
            aged.person_key = events.person_key
            and events.event_date >= make_date(aged.measure_year - 1, 1, 1)
            and events.event_date
            <= least(make_date(aged.measure_year, 6, 30), aged.evaluation_date)
    where
        events.concept_key = {{ concept('essential_hypertension') }}
        and events.source_kind = {{ source_kind('visit') }}
    group by aged.measure_year, aged.person_key
    having count(distinct events.event_date) >= 2

),

members as (

    select
        aged.*,
        greatest(aged.eligible_date, diagnoses.first_date) as condition_date
    from aged
    inner join diagnoses
        on aged.measure_year = diagnoses.measure_year and aged.person_key = diagnoses.person_key

),

readings as (

    {{ member_events(['systolic', 'diastolic']) }}

),

reading_days as (

    select
        measure_year,
        person_key,
        interval_months,
        event_date,
        min(case when concept_key = {{ concept('systolic') }} then value end) as systolic,
        min(case when concept_key = {{ concept('diastolic') }} then value end) as diastolic,
        max(claim_key) as claim_key,
        min(delivered_on) as delivered_on
    from readings
    where event_date >= period_start_date
    group by measure_year, person_key, interval_months, event_date

),

-- Out of control, a new reading is due in 90 days (retest_days).
services as (

    select
        measure_year,
        person_key,
        claim_key,
        systolic as value,
        systolic < 140 and diastolic < 90 as is_met,
        event_date,
        delivered_on,
        case
            when systolic < 140 and diastolic < 90
                then {{ date_plus_months('event_date', 'interval_months') }}
            else {{ date_plus_days('event_date', 90) }}
        end as next_due_date
    from reading_days
    where systolic is not null and diastolic is not null
    qualify row_number() over (partition by measure_year, person_key order by event_date desc) = 1

),

exclusions as (

    {{ excluded_by('PREGNANCY', ['pregnancy'], 'period_start_date') }}
    union all
    {{ excluded_by('KIDNEY_FAILURE', [
        'ckd_stage_5', 'end_stage_renal_disease', 'dialysis', 'kidney_transplant'
    ]) }}
    union all
    select *
    from (
        {{ excluded_by('FRAILTY', ['frailty'], 'period_start_date') }} and age_at_end >= 81
    ) as frail

),

valued_years as (

    select distinct measure_year from services

),

{{ measure_rows(
    one_service=true,
    eligible_date='condition_date',
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
