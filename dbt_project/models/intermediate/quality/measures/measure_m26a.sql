{{ config(materialized='ephemeral') }}

-- METHODS D.1 M26: as M26, asked about tobacco in the year (its first rate).

with

{{ tobacco_answers('M26A') }},

services as (

    select
        answers.measure_year,
        answers.person_key,
        answers.claim_key,
        answers.status as value,
        true as is_met,
        answers.event_date,
        answers.delivered_on,
        {{ date_plus_months('answers.event_date', 12) }} as next_due_date
    from answers

),

{{ measure_rows(
    has_exclusions=false,
    population='visitors',
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
