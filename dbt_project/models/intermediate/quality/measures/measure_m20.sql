{{ config(materialized='ephemeral') }}

-- METHODS D.1 M20: children who turn 2 in the year and had, by that birthday and on different days,
-- 4 DTaP, 3 polio, 4 pneumococcal doses and the Haemophilus and rotavirus doses of their schedule,
-- none of these before day 42; measles-mumps-rubella, varicella and hepatitis A from the first
-- birthday on; 3 hepatitis B (one may be the newborn's); 2 influenza from day 180 on (live vaccine
-- on the second birthday alone). The disease itself stands for its vaccine. The value is how many
-- of ten were met.

with

aged as (

    {{ measure_members('M20') }}

),

members as (

    select
        *,
        {{ date_plus_months('birth_date', 12) }} as first_birthday,
        {{ date_plus_months('birth_date', 24) }} as second_birthday
    from aged

),

events as (

    select
        *,
        {{ whole_days_between('birth_date', 'event_date') }} as day_of_life
    from ({{ member_events([
        'dtap',
        'ipv',
        'mmr',
        'hib_three_dose',
        'hib_four_dose',
        'hepatitis_b_vaccine',
        'hepatitis_b_vaccine_newborn',
        'varicella_vaccine',
        'pneumococcal_vaccine',
        'hepatitis_a_vaccine',
        'rotavirus_two_dose',
        'rotavirus_three_dose',
        'influenza_vaccine_child',
        'influenza_vaccine_live',
        'measles',
        'mumps',
        'rubella',
        'hepatitis_a',
        'hepatitis_b',
        'varicella',
    ]) }}) as doses
    where event_date <= second_birthday

),

counted as (

    select
        measure_year,
        person_key,
        {{ dose_days(['dtap'], 'day_of_life >= 42') }} >= 4 as has_dtap,
        {{ dose_days(['ipv'], 'day_of_life >= 42') }} >= 3 as has_ipv,
        {{ dose_days(['pneumococcal_vaccine'], 'day_of_life >= 42') }} >= 4 as has_pneumococcal,
        {{ dose_days(['mmr'], 'event_date >= first_birthday') }} >= 1
        or (
            {{ dose_days(['measles']) }} > 0
            and {{ dose_days(['mumps']) }} > 0
            and {{ dose_days(['rubella']) }} > 0
        ) as has_mmr,
        {{ dose_days(['varicella_vaccine'], 'event_date >= first_birthday') }}
        + {{ dose_days(['varicella']) }} >= 1 as has_varicella,
        {{ dose_days(['hepatitis_a_vaccine'], 'event_date >= first_birthday') }}
        + {{ dose_days(['hepatitis_a']) }} >= 1 as has_hepatitis_a,
        count(distinct case
            when
                concept_key = {{ concept('hepatitis_b_vaccine') }}
                or (
                    concept_key = {{ concept('hepatitis_b_vaccine_newborn') }} and day_of_life <= 7
                )
                then event_date
        end) >= 3
        or {{ dose_days(['hepatitis_b']) }} > 0 as has_hepatitis_b,
        {{ dose_days(['hib_three_dose', 'hib_four_dose'], 'day_of_life >= 42') }}
        >= case when {{ dose_days(['hib_four_dose'], 'day_of_life >= 42') }} > 0 then 4 else 3 end
            as has_hib,
        {{ dose_days(['rotavirus_two_dose', 'rotavirus_three_dose'], 'day_of_life >= 42') }}
        >= case
            when {{ dose_days(['rotavirus_three_dose'], 'day_of_life >= 42') }} > 0 then 3
            else 2
        end as has_rotavirus,
        count(distinct case
            when
                day_of_life >= 180
                and (
                    concept_key = {{ concept('influenza_vaccine_child') }}
                    or (
                        concept_key = {{ concept('influenza_vaccine_live') }}
                        and event_date = second_birthday
                    )
                )
                then event_date
        end) >= 2 as has_influenza,
        max(event_date) as event_date,
        max(claim_key) as claim_key,
        max(delivered_on) as delivered_on
    from events
    group by measure_year, person_key

),

added_up as (

    select
        *,
        cast(has_dtap as int)
        + cast(has_ipv as int)
        + cast(has_pneumococcal as int)
        + cast(has_mmr as int)
        + cast(has_varicella as int)
        + cast(has_hepatitis_a as int)
        + cast(has_hepatitis_b as int)
        + cast(has_hib as int)
        + cast(has_rotavirus as int)
        + cast(has_influenza as int) as antigens_met
    from counted

),

services as (

    select
        measure_year,
        person_key,
        claim_key,
        cast(antigens_met as decimal(12, 3)) as value,
        antigens_met = 10 as is_met,
        event_date,
        delivered_on,
        cast(null as date) as next_due_date
    from added_up

),

exclusions as (

    select *
    from ({{ excluded_by('IMMUNE_OR_BOWEL_CONDITION', ['vaccine_exclusion']) }}) as conditions

),

-- Without a single child with a polio series the doses were given where nobody reports them.
valued_years as (

    select distinct measure_year from counted where has_ipv

),

{{ measure_rows(
    due_date='second_birthday',
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
