{{ config(materialized='ephemeral') }}

-- METHODS D.1 M26: as M26, of those whose last answer of the year was yes, helped to stop from six
-- months before the year on (its second rate).

with

{{ tobacco_answers('M26B') }},

members as (

    select
        visitors.*,
        greatest(visitors.eligible_date, answers.event_date) as condition_date
    from visitors
    inner join answers
        on
            visitors.measure_year = answers.measure_year
            and visitors.person_key = answers.person_key
    where answers.status > 0

),

services as (

    select
        measure_year,
        person_key,
        claim_key,
        cast(null as decimal(12, 3)) as value,
        true as is_met,
        event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as next_due_date
    from helped

),

{{ measure_rows(has_exclusions=false, eligible_date='condition_date') }}

select * from final
