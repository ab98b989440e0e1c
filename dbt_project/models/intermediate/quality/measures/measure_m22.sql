{{ config(materialized='ephemeral') }}

-- METHODS D.1 M22: children of 3 to 17 whose BMI percentile with height and weight was documented
-- in the year, and who were counselled on nutrition and on physical activity. The value is how many
-- of the three were done. Pregnancy excludes.

with

members as (

    {{ measure_members('M22') }}

),

events as (

    select *
    from ({{ member_events([
        'bmi_percentile',
        'body_height',
        'body_weight',
        'nutrition_counselling',
        'activity_counselling',
    ]) }}) as events
    where event_date >= period_start_date

),

counted as (

    select
        measure_year,
        person_key,
        bool_or(concept_key = {{ concept('bmi_percentile') }})
        and bool_or(concept_key = {{ concept('body_height') }})
        and bool_or(concept_key = {{ concept('body_weight') }}) as has_percentile,
        bool_or(concept_key = {{ concept('nutrition_counselling') }}) as has_nutrition,
        bool_or(concept_key = {{ concept('activity_counselling') }}) as has_activity,
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
            cast(has_percentile as int) + cast(has_nutrition as int) + cast(has_activity as int)
            as decimal(12, 3)
        ) as value,
        has_percentile and has_nutrition and has_activity as is_met,
        event_date,
        delivered_on,
        case
            when has_percentile and has_nutrition and has_activity
                then {{ date_plus_months('event_date', 12) }}
        end as next_due_date
    from counted

),

exclusions as (

    {{ excluded_by('PREGNANCY', ['pregnancy'], 'period_start_date') }}

),

-- Without a single percentile the records were never delivered.
valued_years as (

    select distinct measure_year from counted where has_percentile

),

{{ measure_rows(
    one_service=true,
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
