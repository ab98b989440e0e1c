{{ config(materialized='ephemeral') }}

-- METHODS D.1 M27 and F.3: index stays of health plans discharged from 1 January to 1 December by
-- members of 18 to 64; the numerator, the bad event, is an unplanned admission 1 to 30 days later.
-- What makes a stay no index stay excludes, and cover that is missing in the 365 days before it.

with

aged as (

    {{ measure_members('M27') }}

),

episodes as (

    select * from {{ ref('int_index_stay') }} where not is_open

),

members as (

    select
        aged.*,
        episodes.index_key,
        episodes.discharge_date as measured_date
    from aged
    inner join episodes
        on
            aged.person_key = episodes.person_key
            and episodes.discharge_date >= aged.period_start_date
            and episodes.discharge_date
            <= least(make_date(aged.measure_year, 12, 1), aged.evaluation_date)

),

services as (

    select
        members.measure_year,
        members.person_key,
        members.measured_date,
        cast(null as bigint) as claim_key,
        cast(episodes.days_until_next as decimal(12, 3)) as value,
        episodes.is_readmitted as is_met,
        {{ date_plus_days('members.measured_date', 'episodes.days_until_next') }} as event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as next_due_date
    from members
    inner join episodes on members.index_key = episodes.index_key
    where episodes.days_until_next is not null

),

exclusions as (

    select
        members.measure_year,
        members.person_key,
        members.measured_date,
        coalesce(episodes.plan_exclusion, 'NOT_ENROLLED_BEFORE') as reason
    from members
    inner join episodes on members.index_key = episodes.index_key
    where episodes.plan_exclusion is not null or not episodes.is_enrolled_before

),

{{ measure_rows(is_event_based=true, due_date=date_plus_days('measured_date', 30)) }}

select * from final
