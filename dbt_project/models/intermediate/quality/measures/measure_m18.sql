{{ config(materialized='ephemeral') }}

-- METHODS D.1 M18: children who turn 15 months (90 days after the first birthday) in the year with
-- six well-child visits until that day, at least 14 days apart. The next visit is due by the
-- schedule.

with

aged as (

    {{ measure_members('M18') }}

),

members as (

    select
        *,
        birth_date as first_date,
        {{ date_plus_days(date_plus_months('birth_date', 12), 90) }} as deadline
    from aged
    where
        {{ date_plus_days(date_plus_months('birth_date', 12), 90) }} >= period_start_date
        and {{ date_plus_days(date_plus_months('birth_date', 12), 90) }} <= period_end_date

),

visits as (

    select
        *,
        event_date as visit_date
    from ({{ member_events(['well_visit_newborn', 'well_visit_child']) }}) as visits
    where event_date >= first_date and event_date <= deadline

),

{{ visits_apart(6) }},

services as (

    select
        measure_year,
        person_key,
        claim_key,
        cast(visit_count as decimal(12, 3)) as value,
        visit_count >= 6 as is_met,
        event_date,
        delivered_on,
        cast(null as date) as next_due_date
    from counted_visits

),

{{ measure_rows(
    has_exclusions=false,
    due_date='least(' ~ date_plus_months(
        'birth_date', well_visit_month('coalesce(value, 0)', [1, 2, 4, 6, 9, 12])
    ) ~ ', deadline)'
) }}

select * from final
