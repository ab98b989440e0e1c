{{ config(materialized='ephemeral') }}

-- METHODS D.1 M31: the first visit for uncomplicated low back pain from 1 January to 28 days before
-- the end of the year with none in the 180 days before, without an image of the lumbar spine on the
-- day or in the 28 days after. A cause for imaging excludes: cancer, HIV, transplant, spondylopathy
-- or lumbar surgery ever; drug use, neurologic impairment or spinal infection in the year before;
-- injury or fragility fracture in the 90 days before; 90 days of steroids in the year before; drugs
-- for osteoporosis.

with

aged as (

    {{ measure_members('M31') }}

),

days_of_pain as (

    select distinct
        measure_year,
        person_key,
        period_start_date,
        period_end_date,
        event_date
    from ({{ member_events(['low_back_pain'], 'aged') }}) as diagnoses
    where source_kind in ({{ source_kind('visit') }}, {{ source_kind('stay') }})

),

sequenced as (

    select
        *,
        lag(event_date) over (
            partition by measure_year, person_key order by event_date
        ) as earlier_date
    from days_of_pain

),

firsts as (

    select
        measure_year,
        person_key,
        min(event_date) as measured_date
    from sequenced
    where
        event_date >= period_start_date
        and event_date <= {{ date_plus_days('period_end_date', -28) }}
        and (earlier_date is null or earlier_date < {{ date_plus_days('event_date', -180) }})
    group by measure_year, person_key

),

members as (

    select
        aged.*,
        firsts.measured_date
    from aged
    inner join firsts
        on aged.measure_year = firsts.measure_year and aged.person_key = firsts.person_key

),

events as (

    {{ member_events([
        'lumbar_imaging',
        'back_imaging_cause_ever',
        'back_imaging_cause_year',
        'back_imaging_cause_recent',
        'osteoporosis_drug',
        'oral_steroid',
    ]) }}

),

services as (

    select
        measure_year,
        person_key,
        measured_date,
        claim_key,
        value,
        false as is_met,
        event_date,
        delivered_on,
        cast(null as date) as next_due_date
    from events
    where
        concept_key = {{ concept('lumbar_imaging') }}
        and event_date >= measured_date
        and event_date <= {{ date_plus_days('measured_date', 28) }}

),

exclusions as (

    select
        measure_year,
        person_key,
        measured_date,
        'CAUSE_FOR_IMAGING' as reason
    from events
    where
        event_date <= {{ date_plus_days('measured_date', 28) }}
        and (
            concept_key in {{ concepts(['back_imaging_cause_ever', 'osteoporosis_drug']) }}
            or (
                concept_key = {{ concept('back_imaging_cause_year') }}
                and event_date >= {{ date_plus_months('measured_date', -12) }}
            )
            or (
                concept_key = {{ concept('back_imaging_cause_recent') }}
                and event_date >= {{ date_plus_days('measured_date', -90) }}
            )
        )
    union all
    select
        measure_year,
        person_key,
        measured_date,
        'PROLONGED_STEROIDS' as reason
    from events
    where
        concept_key = {{ concept('oral_steroid') }}
        and event_date >= {{ date_plus_months('measured_date', -12) }}
        and event_date <= measured_date
    group by measure_year, person_key, measured_date
    having sum(value) >= 90

),

{{ measure_rows(is_event_based=true, unmet_is_numerator=true, due_date='measured_date') }}

select * from final
