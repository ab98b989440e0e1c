{#- What each rate is of, with the concepts that speak for it. -#}
{%- set antigens = {
    'M20A': ('dtap', ['dtap']),
    'M20B': ('ipv', ['ipv']),
    'M20C': ('mmr', ['mmr', 'measles', 'mumps', 'rubella']),
    'M20D': ('hib', ['hib_three_dose', 'hib_four_dose']),
    'M20E': ('hepatitis_b', [
        'hepatitis_b_vaccine', 'hepatitis_b_vaccine_newborn', 'hepatitis_b'
    ]),
    'M20F': ('varicella', ['varicella_vaccine', 'varicella']),
    'M20G': ('pneumococcal', ['pneumococcal_vaccine']),
    'M20H': ('hepatitis_a', ['hepatitis_a_vaccine', 'hepatitis_a']),
    'M20I': ('rotavirus', ['rotavirus_two_dose', 'rotavirus_three_dose']),
    'M20J': ('influenza', ['influenza_vaccine_child', 'influenza_vaccine_live']),
} -%}
{{ config(materialized='ephemeral') }}

-- METHODS D.1 M20: children who turn 2 in the year and had, by that birthday and on different days,
-- 4 DTaP, 3 polio, 4 pneumococcal doses and the Haemophilus and rotavirus doses of their schedule,
-- none of these before day 42; measles-mumps-rubella, varicella and hepatitis A from the first
-- birthday on; 3 hepatitis B (one may be the newborn's); 2 influenza from day 180 on (live vaccine
-- on the second birthday alone). The disease itself stands for its vaccine. The value is how many
-- of ten were met. M20A to M20J: each of the ten alone.

with

aged as (

    {{ measure_members(['M20'] + antigens | list) }}

),

members as (

    select
        *,
        {{ date_plus_months('birth_date', 24) }} as second_birthday
    from aged

),

children as (

    select
        *,
        {{ date_plus_months('birth_date', 12) }} as first_birthday,
        {{ date_plus_months('birth_date', 24) }} as second_birthday
    from aged
    -- Looked up once for all rates.
    where measure_id = 'M20'

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
    ], 'children') }}) as doses
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
        {%- for antigen, names in antigens.values() %}
        max(case when concept_key in {{ concepts(names) }} then event_date end)
            as {{ antigen }}_date,
        max(case when concept_key in {{ concepts(names) }} then claim_key end)
            as {{ antigen }}_claim_key,
        {%- endfor %}
        max(event_date) as event_date,
        max(claim_key) as claim_key,
        max(delivered_on) as delivered_on
    from events
    group by measure_year, person_key

),

added_up as (

    select
        *,
        {% for antigen, names in antigens.values() -%}
        cast(has_{{ antigen }} as int){{ '\n        + ' if not loop.last }}
        {%- endfor %} as antigens_met
    from counted

),

services as (

    select
        measure_year,
        person_key,
        'M20' as measure_id,
        claim_key,
        cast(antigens_met as decimal(12, 3)) as value,
        antigens_met = {{ antigens | length }} as is_met,
        event_date,
        delivered_on,
        cast(null as date) as next_due_date
    from added_up
    {%- for rate, (antigen, names) in antigens.items() %}
    union all
    select
        measure_year,
        person_key,
        '{{ rate }}' as measure_id,
        {{ antigen }}_claim_key as claim_key,
        cast(null as decimal(12, 3)) as value,
        has_{{ antigen }} as is_met,
        {{ antigen }}_date as event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as next_due_date
    from counted
    {%- endfor %}

),

exclusions as (

    {{ excluded_by('IMMUNE_OR_BOWEL_CONDITION', ['vaccine_exclusion'], population='children') }}

),

-- Without a single child with a polio series the doses were given where nobody reports them.
valued_years as (

    select distinct measure_year from counted where has_ipv

),

{{ measure_rows(
    has_rates=true,
    one_service=true,
    due_date='second_birthday',
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
