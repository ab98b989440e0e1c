{{ config(materialized='ephemeral') }}

-- METHODS D.1 M07: members with diabetes with a retinal exam in the year, or in the year before
-- where no retinopathy was diagnosed in the year; an exam read by a machine, a severity documented,
-- or a negative exam of the year before stated, in the year.

with

members as (

    {{ diabetic_members('M07') }}

),

retinopathy as (

    select distinct
        measure_year,
        person_key
    from ({{ member_events(['retinopathy']) }}) as diagnoses
    where event_date >= period_start_date

),

exams as (

    select
        events.*,
        retinopathy.person_key is not null as has_retinopathy
    from ({{ member_events([
        'eye_exam', 'eye_exam_by_machine', 'eye_exam_no_retinopathy_before'
    ]) }}) as events
    left join retinopathy
        on
            events.measure_year = retinopathy.measure_year
            and events.person_key = retinopathy.person_key

),

services as (

    select
        measure_year,
        person_key,
        claim_key,
        value,
        event_date >= period_start_date
        or (
            concept_key = {{ concept('eye_exam') }}
            and not has_retinopathy
            and event_date >= make_date(measure_year - 1, 1, 1)
        ) as is_met,
        event_date,
        delivered_on,
        case
            when has_retinopathy or concept_key <> {{ concept('eye_exam') }}
                then {{ date_plus_months('event_date', 12) }}
            else {{ date_plus_months('event_date', 'interval_months') }}
        end as next_due_date
    from exams

),

{{ measure_rows(has_exclusions=false, eligible_date='condition_date') }}

select * from final
