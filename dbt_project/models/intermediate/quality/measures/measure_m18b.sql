{{ config(materialized='ephemeral') }}

-- METHODS D.1 M18B: children who turn 30 months (180 days after the second birthday) in the year
-- with two well-child visits after 15 months, at least 14 days apart. The next visit is due by the
-- schedule.

with

aged as (

    {{ measure_members('M18B') }}

),

members as (

    select
        *,
        {{ date_plus_days(date_plus_months('birth_date', 12), 91) }} as first_date,
        {{ date_plus_days(date_plus_months('birth_date', 24), 180) }} as deadline
    from aged
    where
        {{ date_plus_days(date_plus_months('birth_date', 24), 180) }} >= period_start_date
        and {{ date_plus_days(date_plus_months('birth_date', 24), 180) }} <= period_end_date

),

visits as (

    select
        *,
        event_date as visit_date
    from ({{ member_events(['well_visit_newborn', 'well_visit_child']) }}) as visits
    where event_date >= first_date and event_date <= deadline

),

{{ visits_apart(2) }},

services as (

    select
        measure_year,
        person_key,
        claim_key,
        cast(visit_count as decimal(12, 3)) as value,
        visit_count >= 2 as is_met,
        event_date,
        delivered_on,
        cast(null as date) as next_due_date
    from counted_visits

),

{{ measure_rows(
    has_exclusions=false,
    due_date='least(' ~ date_plus_months(
        'birth_date', well_visit_month('coalesce(value, 0)', [18, 24])
    ) ~ ', deadline)'
) }}

select * from final
