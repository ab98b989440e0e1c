{%- set first_birthday = date_plus_months('birth_date', 12) -%}
{%- set second_birthday = date_plus_months('birth_date', 24) -%}
{{ config(materialized='ephemeral') }}

-- METHODS D.1 M18: children who turn 15 months (90 days after the first birthday) in the year with
-- six well-child visits until that day, at least 14 days apart. M18B: children who turn 30 months (180
-- days after the second birthday) in the year with two such visits after 15 months. The next visit is
-- due by the schedule.

with

aged as (

    {{ measure_members(['M18', 'M18B']) }}

),

timed as (

    select
        *,
        case measure_id when 'M18' then 6 else 2 end as visits_asked_for,
        case measure_id
            when 'M18' then birth_date
            else {{ date_plus_days(first_birthday, 91) }}
        end as first_date,
        case measure_id
            when 'M18' then {{ date_plus_days(first_birthday, 90) }}
            else {{ date_plus_days(second_birthday, 180) }}
        end as deadline
    from aged

),

members as (

    select * from timed where deadline >= period_start_date and deadline <= period_end_date

),

visits as (

    select
        *,
        event_date as visit_date
    from ({{ member_events(['well_visit_newborn', 'well_visit_child']) }}) as visits
    where event_date >= first_date and event_date <= deadline

),

{{ visits_apart(6, keys=['measure_id', 'measure_year', 'person_key']) }},

services as (

    select
        members.measure_id,
        members.measure_year,
        members.person_key,
        cast(null as bigint) as claim_key,
        cast(count(*) as decimal(12, 3)) as value,
        count(*) >= members.visits_asked_for as is_met,
        max(apart.visit_date) as event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as next_due_date
    from members
    inner join apart
        on
            {{ equal_keys('apart', ['measure_id', 'measure_year', 'person_key']) }}
            and members.visits_asked_for >= apart.visit_number
    group by
        members.measure_id, members.measure_year, members.person_key, members.visits_asked_for

),

{{ measure_rows(
    has_exclusions=false,
    has_rates=true,
    one_service=true,
    due_date='least(' ~ date_plus_months(
        'birth_date',
        "case measure_id when 'M18' then "
        ~ well_visit_month('coalesce(value, 0)', [1, 2, 4, 6, 9, 12])
        ~ ' else ' ~ well_visit_month('coalesce(value, 0)', [18, 24]) ~ ' end'
    ) ~ ', deadline)'
) }}

select * from final
