{#- METHODS C.1 lets a condition look back 24 months; what is known before a period is read from
    the 12 months before it, since the look-back of the first period holds no more. -#}
{%- set window_months = 12 -%}
-- METHODS C.1 and C.2: who had which condition on the day before each measured period starts: one
-- facility stay, or outpatient claims on two different days, in the window that ends that day.

with

events as (

    select * from {{ ref('int_clinical_event') }}

),

periods as (

    select distinct {{ date_plus_days('period_start_date', -1) }} as as_of_date
    from {{ ref('int_measurement_period') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

-- Grain: one row per date asked about, person, concept and day with evidence.
evidence_days as (

    select
        periods.as_of_date,
        events.person_key,
        events.concept,
        events.event_date,
        bool_or(events.source_kind = 'facility_stay') as is_facility_stay
    from events
    inner join periods
        on
            events.event_date <= periods.as_of_date
            and events.event_date >= {{ lookback_start('periods.as_of_date', window_months) }}
    group by periods.as_of_date, events.person_key, events.concept, events.event_date

),

evidence as (

    select
        as_of_date,
        person_key,
        concept,
        bool_or(is_facility_stay) as has_facility_stay,
        count(*) as day_count,
        min(event_date) as first_date,
        min(case when is_facility_stay then event_date end) as first_stay_date
    from evidence_days
    group by as_of_date, person_key, concept

),

-- The second day of evidence is the first one after the first.
second_days as (

    select
        evidence_days.as_of_date,
        evidence_days.person_key,
        evidence_days.concept,
        min(evidence_days.event_date) as second_date
    from evidence_days
    inner join evidence
        on
            evidence_days.as_of_date = evidence.as_of_date
            and evidence_days.person_key = evidence.person_key
            and evidence_days.concept = evidence.concept
            and evidence_days.event_date > evidence.first_date
    group by evidence_days.as_of_date, evidence_days.person_key, evidence_days.concept

),

onsets as (

    select
        periods.as_of_date,
        events.person_key,
        events.concept,
        min(events.event_date) as onset_date
    from events
    inner join periods on events.event_date <= periods.as_of_date
    group by periods.as_of_date, events.person_key, events.concept

),

bipolar_persons as (

    select
        as_of_date,
        person_key
    from evidence
    where concept = 'bipolar'

),

qualified as (

    select
        evidence.as_of_date,
        evidence.person_key,
        evidence.concept,
        least(
            coalesce(evidence.first_stay_date, second_days.second_date),
            coalesce(second_days.second_date, evidence.first_stay_date)
        ) as qualify_date
    from evidence
    left join second_days
        on
            evidence.as_of_date = second_days.as_of_date
            and evidence.person_key = second_days.person_key
            and evidence.concept = second_days.concept
    where evidence.has_facility_stay or evidence.day_count >= 2

),

final as (

    select
        cast(qualified.person_key as int) as person_key,
        cast(qualified.concept as string) as condition,
        cast(qualified.as_of_date as date) as as_of_date,
        cast(onsets.onset_date as date) as onset_date,
        cast(qualified.qualify_date as date) as qualify_date
    from qualified
    inner join onsets
        on
            qualified.as_of_date = onsets.as_of_date
            and qualified.person_key = onsets.person_key
            and qualified.concept = onsets.concept
    inner join persons on qualified.person_key = persons.person_key
    anti join bipolar_persons
        on
            qualified.concept = 'depression'
            and qualified.as_of_date = bipolar_persons.as_of_date
            and qualified.person_key = bipolar_persons.person_key
    where
        qualified.concept <> 'bipolar'
        -- Chronic obstructive disease below 40 is another disease (copd_min_age).
        and (
            qualified.concept <> 'copd'
            or persons.birth_date is null
            or {{ completed_years('persons.birth_date', 'qualified.as_of_date') }} >= 40
        )

)

select * from final
