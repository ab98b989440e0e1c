{{ config(materialized='ephemeral') }}

-- METHODS D.1 M02: women with a cervical cytology in the year or the two before it, or a high-risk
-- HPV test, made at age 30 or later, in the year or the four before it; without a cervix excluded.

with

members as (

    {{ measure_members('M02') }}

),

virus_tests as (

    {{ member_events(['hpv_test']) }}

),

services as (

    {{ services_since(['cervical_cytology'], 'make_date(members.measure_year - 2, 1, 1)') }}
    union all
    select
        measure_year,
        person_key,
        claim_key,
        value,
        event_date >= make_date(measure_year - 4, 1, 1) as is_met,
        event_date,
        delivered_on,
        {{ date_plus_months('event_date', 60) }} as next_due_date
    from virus_tests
    where {{ completed_years('birth_date', 'event_date') }} >= 30

),

exclusions as (

    {{ excluded_by('NO_CERVIX', ['no_cervix']) }}

),

{{ measure_rows() }}

select * from final
