{{ config(materialized='ephemeral') }}

-- METHODS D.1 M26: members of 12 or more at the start of the year with two visits or a preventive
-- one in it who were asked about tobacco in the year, and, where the last answer was yes, helped to
-- stop from six months before the year on (its third rate).

with

{{ tobacco_answers('M26') }},

services as (

    select
        answers.measure_year,
        answers.person_key,
        answers.claim_key,
        answers.status as value,
        answers.status = 0 or helped.person_key is not null as is_met,
        answers.event_date,
        answers.delivered_on,
        {{ date_plus_months('answers.event_date', 12) }} as next_due_date
    from answers
    left join helped
        on answers.measure_year = helped.measure_year and answers.person_key = helped.person_key

),

{{ measure_rows(
    has_exclusions=false,
    population='visitors',
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
