{{ config(materialized='ephemeral') }}

-- METHODS D.1 M28: treat-and-release emergency visits of 1 January to 24 December of adults with
-- two of eight chronic conditions (each by C.1: a stay, or visits on two days, before the visit, in
-- the year or the one before), followed by an outpatient, telehealth, behavioral or care-management
-- contact within 7 days, the day of the visit included. A visit within 7 days of an earlier one is
-- not counted; an admission within 7 days excludes.

with

aged as (

    {{ measure_members('M28') }}

),

ed_days as (

    select distinct
        aged.measure_year,
        aged.person_key,
        visits.visit_start_date as visit_date
    from aged
    inner join {{ ref('int_ed_visit') }} as visits
        on
            aged.person_key = visits.person_key
            and visits.visit_start_date >= aged.period_start_date
            and visits.visit_start_date <= least(
                make_date(aged.measure_year, 12, 24), aged.evaluation_date
            )
    where visits.is_treat_and_release

),

all_visits as (

    select
        aged.*,
        ed_days.visit_date as measured_date
    from aged
    inner join ed_days
        on aged.measure_year = ed_days.measure_year and aged.person_key = ed_days.person_key

),

diagnoses as (

    select
        *,
        case
            when concept_key in {{ concepts(['copd', 'asthma']) }} then {{ concept('copd') }}
            else concept_key
        end as condition_key
    from ({{ member_events([
        'copd',
        'asthma',
        'dementia',
        'ckd',
        'depression',
        'congestive_heart_failure',
        'myocardial_infarction',
        'atrial_fibrillation',
        'stroke',
    ], 'all_visits') }}) as events
    where event_date >= make_date(measure_year - 1, 1, 1) and event_date < measured_date

),

visit_conditions as (

    select
        measure_year,
        person_key,
        measured_date,
        condition_key
    from diagnoses
    group by measure_year, person_key, measured_date, condition_key
    having
        bool_or(source_kind = {{ source_kind('stay') }})
        or count(distinct case
            when source_kind = {{ source_kind('visit') }} then event_date
        end) >= 2

),

chronic_visits as (

    select
        measure_year,
        person_key,
        measured_date,
        lag(measured_date) over (
            partition by measure_year, person_key order by measured_date
        ) as earlier_date
    from visit_conditions
    group by measure_year, person_key, measured_date
    having count(*) >= 2

),

members as (

    select all_visits.*
    from all_visits
    inner join chronic_visits
        on
            all_visits.measure_year = chronic_visits.measure_year
            and all_visits.person_key = chronic_visits.person_key
            and all_visits.measured_date = chronic_visits.measured_date
    where
        chronic_visits.earlier_date is null
        or chronic_visits.earlier_date < {{ date_plus_days('chronic_visits.measured_date', -7) }}

),

contacts as (

    select
        measure_year,
        person_key,
        measured_date,
        claim_key,
        event_date,
        delivered_on
    from ({{ member_events([
        'behavioral_visit', 'transition_visit', 'care_management'
    ]) }}) as events
    where
        event_date >= measured_date
        and event_date <= {{ date_plus_days('measured_date', 7) }}
    union all
    select
        members.measure_year,
        members.person_key,
        members.measured_date,
        cast(null as bigint) as claim_key,
        visits.visit_date as event_date,
        cast(null as date) as delivered_on
    from members
    inner join {{ ref('int_office_visit') }} as visits
        on
            members.person_key = visits.person_key
            and visits.visit_date >= members.measured_date
            and visits.visit_date <= {{ date_plus_days('members.measured_date', 7) }}
    where visits.visit_date <= members.evaluation_date

),

services as (

    select
        *,
        cast(null as decimal(12, 3)) as value,
        true as is_met,
        cast(null as date) as next_due_date
    from contacts

),

exclusions as (

    select
        members.measure_year,
        members.person_key,
        members.measured_date,
        'ADMITTED' as reason
    from members
    inner join {{ ref('int_inpatient_stay') }} as stays
        on
            members.person_key = stays.person_key
            and stays.admission_date >= members.measured_date
            and stays.admission_date <= {{ date_plus_days('members.measured_date', 7) }}

),

{{ measure_rows(is_event_based=true, due_date=date_plus_days('measured_date', 7)) }}

select * from final
