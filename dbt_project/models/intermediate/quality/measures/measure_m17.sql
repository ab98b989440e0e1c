{{ config(materialized='ephemeral') }}

-- METHODS D.1 M17: visits for pharyngitis or tonsillitis with an antibiotic filled until the third
-- day after, that had a test for group A streptococcus in the three days before or after.

with

aged as (

    {{ measure_members('M17') }}

),

visits as (

    select distinct
        aged.*,
        diagnoses.event_date as measured_date
    from aged
    inner join ({{ member_events(['pharyngitis'], 'aged') }}) as diagnoses
        on aged.measure_year = diagnoses.measure_year and aged.person_key = diagnoses.person_key
    where
        diagnoses.source_kind = {{ source_kind('visit') }}
        and diagnoses.event_date >= diagnoses.period_start_date

),

events as (

    {{ member_events(['antibiotic', 'strep_test'], 'visits') }}

),

treated as (

    select distinct
        measure_year,
        person_key,
        measured_date
    from events
    where
        concept_key = {{ concept('antibiotic') }}
        and event_date >= measured_date
        and event_date <= {{ date_plus_days('measured_date', 3) }}

),

members as (

    select visits.*
    from visits
    inner join treated
        on
            visits.measure_year = treated.measure_year
            and visits.person_key = treated.person_key
            and visits.measured_date = treated.measured_date

),

services as (

    select
        measure_year,
        person_key,
        measured_date,
        claim_key,
        value,
        true as is_met,
        event_date,
        delivered_on,
        cast(null as date) as next_due_date
    from events
    where
        concept_key = {{ concept('strep_test') }}
        and event_date >= {{ date_plus_days('measured_date', -3) }}
        and event_date <= {{ date_plus_days('measured_date', 3) }}

),

{{ measure_rows(has_exclusions=false, is_event_based=true, due_date='measured_date') }}

select * from final
