{{ config(materialized='ephemeral') }}

-- METHODS D.1 M32: adults with major depression and a new antidepressant who had at least 84 days
-- of supply in the first 114 days; M32B: at least 180 days in the first 231. New is a first fill from
-- 1 May of the year before to 30 April with none in the 105 days before; the diagnosis lies at most 60
-- days away.

with

aged as (

    {{ measure_members(['M32', 'M32B']) }}

),

-- Looked up once for both rates.
people as (

    select * from aged where measure_id = 'M32'

),

fills as (

    {{ member_events(['antidepressant'], 'people') }}
    and events.source_kind = {{ source_kind('fill') }}

),

sequenced as (

    select
        measure_year,
        person_key,
        event_date,
        lag(event_date) over (
            partition by measure_year, person_key order by event_date
        ) as earlier_date
    from fills

),

starts as (

    select
        measure_year,
        person_key,
        min(event_date) as start_date
    from sequenced
    where
        event_date >= make_date(measure_year - 1, 5, 1)
        and event_date <= make_date(measure_year, 4, 30)
        and (earlier_date is null or earlier_date < {{ date_plus_days('event_date', -105) }})
    group by measure_year, person_key

),

started as (

    select
        people.*,
        starts.start_date
    from people
    inner join starts
        on people.measure_year = starts.measure_year and people.person_key = starts.person_key

),

depressed as (

    select distinct
        measure_year,
        person_key,
        start_date
    from ({{ member_events(['major_depression'], 'started') }}) as diagnoses
    where
        event_date >= {{ date_plus_days('start_date', -60) }}
        and event_date <= {{ date_plus_days('start_date', 60) }}

),

members as (

    select
        aged.*,
        depressed.start_date,
        case aged.measure_id when 'M32' then 114 else 231 end as phase_days,
        case aged.measure_id when 'M32' then 84 else 180 end as days_asked_for
    from aged
    inner join depressed
        on aged.measure_year = depressed.measure_year and aged.person_key = depressed.person_key

),

supplied as (

    select
        members.measure_id,
        members.measure_year,
        members.person_key,
        members.days_asked_for,
        fills.event_date,
        least(
            fills.value,
            members.phase_days
            - {{ whole_days_between('members.start_date', 'fills.event_date') }}
        ) as supply_days
    from members
    inner join fills
        on
            members.measure_year = fills.measure_year
            and members.person_key = fills.person_key
            and fills.event_date >= members.start_date
            and fills.event_date < {{ date_plus_days('members.start_date', 'members.phase_days') }}

),

services as (

    select
        measure_id,
        measure_year,
        person_key,
        cast(null as bigint) as claim_key,
        sum(supply_days) as value,
        sum(supply_days) >= days_asked_for as is_met,
        max(event_date) as event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as next_due_date
    from supplied
    group by measure_id, measure_year, person_key, days_asked_for

),

{{ measure_rows(
    has_exclusions=false,
    has_rates=true,
    one_service=true,
    due_date=date_plus_days('start_date', 'phase_days - 1')
) }}

select * from final
