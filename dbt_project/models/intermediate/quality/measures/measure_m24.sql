{{ config(materialized='ephemeral') }}

-- METHODS D.1 M24: members of 12 or more at the start of the year with a visit in it, whose most
-- recent screen for depression, at most 14 days before a visit, was negative, or positive with
-- follow-up (a behavioral visit, an antidepressant, a plan) from that visit to the second day
-- after. PHQ-9 decides before what else a day's screens say, that before PHQ-2; a screen without
-- result is not known to be negative. Bipolar disorder before the last visit excludes.

with

aged as (

    {{ measure_members('M24') }}

),

visit_years as (

    select * from {{ ref('int_visit_year') }} where last_office_visit_date is not null

),

members as (

    select
        aged.*,
        visit_years.last_office_visit_date as last_visit_date
    from aged
    inner join visit_years
        on
            aged.measure_year = visit_years.measure_year
            and aged.person_key = visit_years.person_key

),

events as (

    select *
    from ({{ member_events([
        'depression_screen',
        'phq_9',
        'phq_2',
        'depression_follow_up',
        'behavioral_visit',
        'antidepressant',
    ]) }}) as events
    where event_date >= {{ date_plus_days('period_start_date', -14) }}

),

screens as (

    select
        measure_year,
        person_key,
        period_start_date,
        evaluation_date,
        event_date,
        coalesce(
            max(case when concept_key = {{ concept('phq_9') }} then value end) >= 10,
            max(case when concept_key = {{ concept('depression_screen') }} then value end) > 0,
            max(case when concept_key = {{ concept('phq_2') }} then value end) >= 3
        ) as is_positive,
        max(case when concept_key = {{ concept('phq_9') }} then value end) as phq_9_value,
        max(claim_key) as claim_key,
        min(delivered_on) as delivered_on
    from events
    where concept_key in {{ concepts(['depression_screen', 'phq_9', 'phq_2']) }}
    group by measure_year, person_key, period_start_date, evaluation_date, event_date

),

screened_visits as (

    select
        screens.*,
        visits.visit_date
    from screens
    inner join {{ ref('int_office_visit') }} as visits
        on
            screens.person_key = visits.person_key
            and visits.visit_date >= screens.event_date
            and visits.visit_date <= {{ date_plus_days('screens.event_date', 14) }}
            and visits.visit_date >= screens.period_start_date
            and visits.visit_date <= screens.evaluation_date

),

last_screens as (

    select *
    from screened_visits
    qualify event_date = max(event_date) over (partition by measure_year, person_key)

),

services as (

    select
        last_screens.measure_year,
        last_screens.person_key,
        max(last_screens.claim_key) as claim_key,
        max(last_screens.phq_9_value) as value,
        coalesce(
            not bool_or(last_screens.is_positive) or bool_or(follow_ups.person_key is not null),
            false
        ) as is_met,
        last_screens.event_date,
        min(last_screens.delivered_on) as delivered_on,
        {{ date_plus_months('last_screens.event_date', 12) }} as next_due_date
    from last_screens
    left join events as follow_ups
        on
            last_screens.measure_year = follow_ups.measure_year
            and last_screens.person_key = follow_ups.person_key
            and follow_ups.event_date >= last_screens.visit_date
            and follow_ups.event_date <= {{ date_plus_days('last_screens.visit_date', 2) }}
            and follow_ups.concept_key in {{ concepts([
                'depression_follow_up', 'behavioral_visit', 'antidepressant'
            ]) }}
    group by last_screens.measure_year, last_screens.person_key, last_screens.event_date

),

exclusions as (

    select *
    from (
        {{ excluded_by('BIPOLAR_DISORDER', ['bipolar']) }}
        where event_date < last_visit_date
    ) as bipolar

),

valued_years as (

    select distinct measure_year from screens where is_positive is not null

),

{{ measure_rows(
    one_service=true,
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
