{{ config(materialized='ephemeral') }}

-- METHODS D.1 M25: adults with a visit in person in the year whose most recent body mass index of
-- the year was at least 18.5 and below 25, or was followed up in the year. A visit by telephone or
-- video alone does not qualify. Pregnancy excludes.

with

aged as (

    {{ measure_members('M25') }}

),

visitors as (

    select * from {{ ref('int_visit_year') }} where has_visit_in_person

),

members as (

    select aged.*
    from aged
    inner join visitors
        on aged.measure_year = visitors.measure_year and aged.person_key = visitors.person_key

),

events as (

    select *
    from ({{ member_events([
        'body_mass_index', 'weight_follow_up', 'nutrition_counselling', 'activity_counselling'
    ]) }}) as events
    where event_date >= period_start_date

),

follow_ups as (

    select distinct
        measure_year,
        person_key
    from events
    where concept_key <> {{ concept('body_mass_index') }}

),

-- A number of a record says more than the range a diagnosis names.
last_values as (

    select *
    from events
    where concept_key = {{ concept('body_mass_index') }} and value is not null
    qualify row_number() over (
        partition by measure_year, person_key
        order by
            event_date desc,
            case when source_kind = {{ source_kind('result') }} then 0 else 1 end,
            value desc,
            coalesce(claim_key, -1) desc,
            coalesce(delivered_on, date '9999-12-31')
    ) = 1

),

services as (

    select
        last_values.measure_year,
        last_values.person_key,
        last_values.claim_key,
        last_values.value,
        (last_values.value >= 18.5 and last_values.value < 25)
        or follow_ups.person_key is not null as is_met,
        last_values.event_date,
        last_values.delivered_on,
        {{ date_plus_months('last_values.event_date', 12) }} as next_due_date
    from last_values
    left join follow_ups
        on
            last_values.measure_year = follow_ups.measure_year
            and last_values.person_key = follow_ups.person_key

),

exclusions as (

    {{ excluded_by('PREGNANCY', ['pregnancy'], 'period_start_date') }}

),

valued_years as (

    select distinct measure_year
    from last_values
    where source_kind = {{ source_kind('result') }}

),

{{ measure_rows(
    one_service=true,
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
