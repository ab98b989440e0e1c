{{ config(materialized='ephemeral') }}

-- METHODS D.1 M04: women of 16 to 24 known to be sexually active by a diagnosis, a service or a
-- drug of the year, with a chlamydia test in it. Excluded is who is known so by pregnancy tests
-- alone, each followed within 6 days by an X-ray or isotretinoin.

with

aged as (

    {{ measure_members('M04') }}

),

events as (

    select *
    from ({{ member_events([
        'sexual_activity',
        'pregnancy',
        'contraceptive',
        'pregnancy_test',
        'plain_x_ray',
        'isotretinoin',
    ], 'aged') }}) as events
    where event_date >= period_start_date

),

reasons as (

    select
        measure_year,
        person_key,
        min(event_date) as first_date,
        bool_and(concept_key = {{ concept('pregnancy_test') }}) as is_test_alone
    from events
    where concept_key not in {{ concepts(['plain_x_ray', 'isotretinoin']) }}
    group by measure_year, person_key

),

members as (

    select
        aged.*,
        greatest(aged.eligible_date, reasons.first_date) as condition_date,
        reasons.is_test_alone
    from aged
    inner join reasons
        on aged.measure_year = reasons.measure_year and aged.person_key = reasons.person_key

),

services as (

    {{ services_since(['chlamydia_test'], 'members.period_start_date') }}

),

safety_tests as (

    select distinct
        tests.measure_year,
        tests.person_key,
        tests.event_date
    from events as tests
    inner join events as causes
        on
            tests.measure_year = causes.measure_year
            and tests.person_key = causes.person_key
            and causes.event_date >= tests.event_date
            and causes.event_date <= {{ date_plus_days('tests.event_date', 6) }}
    where
        tests.concept_key = {{ concept('pregnancy_test') }}
        and causes.concept_key in {{ concepts(['plain_x_ray', 'isotretinoin']) }}

),

exclusions as (

    select
        members.measure_year,
        members.person_key,
        'TESTED_FOR_SAFETY_ONLY' as reason
    from members
    inner join events
        on members.measure_year = events.measure_year and members.person_key = events.person_key
    left join safety_tests
        on
            events.measure_year = safety_tests.measure_year
            and events.person_key = safety_tests.person_key
            and events.event_date = safety_tests.event_date
    where members.is_test_alone and events.concept_key = {{ concept('pregnancy_test') }}
    group by members.measure_year, members.person_key
    having bool_and(safety_tests.person_key is not null)

),

{{ measure_rows(eligible_date='condition_date') }}

select * from final
