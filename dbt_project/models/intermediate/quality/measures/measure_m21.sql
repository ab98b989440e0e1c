{{ config(materialized='ephemeral') }}

-- METHODS D.1 M21: those who turn 13 in the year with meningococcal vaccine and Tdap between the
-- 10th (mening_from_age) and the 13th birthday, and HPV vaccine between the 9th and the 13th: two
-- doses at least 146 days apart, or three. The value is how many of three were met.

with

aged as (

    {{ measure_members('M21') }}

),

members as (

    select
        *,
        {{ date_plus_months('birth_date', 108) }} as ninth_birthday,
        {{ date_plus_months('birth_date', 120) }} as tenth_birthday,
        {{ date_plus_months('birth_date', 156) }} as thirteenth_birthday
    from aged

),

events as (

    select *
    from (
        {{ member_events(['meningococcal_vaccine', 'tdap', 'hpv_vaccine']) }}
    ) as doses
    where event_date >= ninth_birthday and event_date <= thirteenth_birthday

),

counted as (

    select
        measure_year,
        person_key,
        {{ dose_days(['meningococcal_vaccine'], 'event_date >= tenth_birthday') }} >= 1
            as has_meningococcal,
        {{ dose_days(['tdap'], 'event_date >= tenth_birthday') }} >= 1 as has_tdap,
        {{ dose_days(['hpv_vaccine']) }} >= 3
        or coalesce(
            {{ whole_days_between(
                'min(case when concept_key = ' ~ concept('hpv_vaccine') ~ ' then event_date end)',
                'max(case when concept_key = ' ~ concept('hpv_vaccine') ~ ' then event_date end)'
            ) }} >= 146,
            false
        ) as has_hpv,
        max(event_date) as event_date,
        max(claim_key) as claim_key,
        max(delivered_on) as delivered_on
    from events
    group by measure_year, person_key

),

services as (

    select
        measure_year,
        person_key,
        claim_key,
        cast(
            cast(has_meningococcal as int) + cast(has_tdap as int) + cast(has_hpv as int)
            as decimal(12, 3)
        ) as value,
        has_meningococcal and has_tdap and has_hpv as is_met,
        event_date,
        delivered_on,
        cast(null as date) as next_due_date
    from counted

),

-- Without a single meningococcal dose the doses were given where nobody reports them.
valued_years as (

    select distinct measure_year from counted where has_meningococcal

),

{{ measure_rows(
    one_service=true,
    has_exclusions=false,
    due_date='thirteenth_birthday',
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
