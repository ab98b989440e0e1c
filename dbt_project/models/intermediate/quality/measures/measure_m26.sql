{{ config(materialized='ephemeral') }}

-- METHODS D.1 M26: members of 12 or more at the start of the year with two visits or a preventive
-- one in it who were asked about tobacco in the year, and, where the last answer was yes, helped to
-- stop from six months before the year on (its third rate). M26A: asked (its first rate). M26B: of
-- those whose last answer was yes, helped (its second rate).

with

aged as (

    {{ measure_members(['M26', 'M26A', 'M26B']) }}

),

visit_days as (

    select * from {{ ref('int_visit_year') }}

),

-- Looked up once for all rates.
visitors as (

    select aged.*
    from aged
    inner join visit_days
        on aged.measure_year = visit_days.measure_year and aged.person_key = visit_days.person_key
    where
        aged.measure_id = 'M26'
        and (visit_days.visit_count >= 2 or visit_days.has_preventive_visit)

),

events as (

    {{ member_events(['tobacco_status', 'tobacco_counselling', 'tobacco_drug'], 'visitors') }}

),

-- Of the answers of one day the one that says more: a user is a user.
answer_days as (

    select
        measure_year,
        person_key,
        event_date,
        max(value) as status,
        max(claim_key) as claim_key,
        min(delivered_on) as delivered_on
    from events
    where
        concept_key = {{ concept('tobacco_status') }}
        and value is not null
        and event_date >= period_start_date
    group by measure_year, person_key, event_date

),

answers as (

    select *
    from answer_days
    qualify row_number() over (partition by measure_year, person_key order by event_date desc) = 1

),

helped as (

    select
        measure_year,
        person_key,
        max(event_date) as help_date,
        max(claim_key) as help_claim_key
    from events
    where
        concept_key <> {{ concept('tobacco_status') }}
        and event_date >= {{ date_plus_months('period_start_date', -6) }}
    group by measure_year, person_key

),

known as (

    select
        visitors.measure_year,
        visitors.person_key,
        answers.status,
        answers.claim_key,
        answers.event_date,
        answers.delivered_on,
        helped.help_date,
        helped.help_claim_key
    from visitors
    left join answers
        on
            visitors.measure_year = answers.measure_year
            and visitors.person_key = answers.person_key
    left join helped
        on
            visitors.measure_year = helped.measure_year
            and visitors.person_key = helped.person_key

),

asked as (

    select
        aged.measure_id,
        aged.measure_version,
        aged.measure_year,
        aged.person_key,
        aged.common_exclusion,
        aged.first_covered_date,
        aged.eligible_date,
        aged.period_end_date,
        known.claim_key,
        known.status as value,
        coalesce(
            known.status is not null
            and (aged.measure_id = 'M26A' or known.status = 0 or known.help_date is not null),
            false
        ) as is_met,
        known.event_date,
        known.delivered_on,
        {{ date_plus_months('known.event_date', 12) }} as latest_due_date
    from aged
    inner join known
        on aged.measure_year = known.measure_year and aged.person_key = known.person_key
    where aged.measure_id <> 'M26B'

),

users as (

    select
        aged.measure_id,
        aged.measure_version,
        aged.measure_year,
        aged.person_key,
        aged.common_exclusion,
        aged.first_covered_date,
        greatest(aged.eligible_date, known.event_date) as eligible_date,
        aged.period_end_date,
        known.help_claim_key as claim_key,
        cast(null as decimal(12, 3)) as value,
        known.help_date is not null as is_met,
        known.help_date as event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as latest_due_date
    from aged
    inner join known
        on aged.measure_year = known.measure_year and aged.person_key = known.person_key
    where aged.measure_id = 'M26B' and known.status > 0

),

members as (

    select * from asked
    union all
    select * from users

),

-- Nobody's answer was ever delivered where no sender keeps records.
valued_years as (

    select distinct measure_year from answers

),

{{ measure_rows(
    has_exclusions=false,
    has_service=true,
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
