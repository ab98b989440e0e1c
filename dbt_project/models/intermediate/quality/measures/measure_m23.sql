{{ config(materialized='ephemeral') }}

-- METHODS D.1 M23: members of six months or more on 1 July before the year with an influenza
-- vaccine between that day and 30 June. Due on 31 October.

with

aged as (

    {{ measure_members('M23') }}

),

members as (

    select *
    from aged
    where {{ date_plus_months('birth_date', 6) }} <= make_date(measure_year - 1, 7, 1)

),

services as (

    {{ services_since(
        ['influenza_vaccine_child', 'influenza_vaccine_live', 'influenza_vaccine_other'],
        'make_date(members.measure_year - 1, 7, 1)'
        ~ ' and members.event_date <= make_date(members.measure_year, 6, 30)'
    ) }}

),

{{ measure_rows(
    has_exclusions=false,
    due_date='make_date(measure_year - case when is_met then 0 else 1 end, 10, 31)'
) }}

select * from final
