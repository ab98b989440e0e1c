{#- METHODS D.1 M15 and M16: visits for one of `reasons`, from 1 January to three days before the end of
    the year, at age three months or more, the first one in each 31 days. Another lung or immune
    disease in the 12 months before, another reason for an antibiotic until the third day after, an
    antibiotic active in the 30 days before, and an admission on the day or the next exclude. Met is
    no antibiotic until the third day. -#}
{% macro visits_without_antibiotic(measure_id, reasons, competing) -%}
aged as (

    {{ measure_members(measure_id) }}

),

days_of_visits as (

    select distinct
        measure_year,
        person_key,
        event_date as visit_date
    from ({{ member_events(reasons, 'aged') }}) as diagnoses
    where
        source_kind = {{ source_kind('visit') }}
        and event_date >= period_start_date
        and event_date <= {{ date_plus_days('period_end_date', -3) }}
        and event_date >= {{ date_plus_months('birth_date', 3) }}

),

all_visits as (

    select
        aged.*,
        days_of_visits.visit_date as measured_date
    from aged
    inner join days_of_visits
        on
            aged.measure_year = days_of_visits.measure_year
            and aged.person_key = days_of_visits.person_key

),

events as (

    {{ member_events(['respiratory_comorbidity', 'antibiotic'] + competing, 'all_visits') }}

),

admissions as (

    select
        all_visits.measure_year,
        all_visits.person_key,
        all_visits.measured_date
    from all_visits
    inner join {{ ref('int_inpatient_stay') }} as stays
        on
            all_visits.person_key = stays.person_key
            and stays.admission_date >= all_visits.measured_date
            and stays.admission_date <= {{ date_plus_days('all_visits.measured_date', 1) }}

),

exclusions as (

    select
        measure_year,
        person_key,
        measured_date,
        case
            when concept_key = {{ concept('antibiotic') }} then 'ANTIBIOTIC_BEFORE'
            when concept_key = {{ concept('respiratory_comorbidity') }} then 'COMORBIDITY'
            else 'OTHER_REASON_FOR_ANTIBIOTIC'
        end as reason
    from events
    where
        case
            when concept_key = {{ concept('antibiotic') }}
                then
                    event_date < measured_date
                    and {{ whole_days_between('event_date', 'measured_date') }} - value < 30
            when concept_key = {{ concept('respiratory_comorbidity') }}
                then
                    event_date >= {{ date_plus_months('measured_date', -12) }}
                    and event_date <= measured_date
            else
                event_date >= measured_date
                and event_date <= {{ date_plus_days('measured_date', 3) }}
        end
    union all
    select
        measure_year,
        person_key,
        measured_date,
        'ADMITTED' as reason
    from admissions

),

visits as (

    select
        days_of_visits.measure_year,
        days_of_visits.person_key,
        days_of_visits.visit_date
    from days_of_visits
    anti join exclusions
        on
            days_of_visits.measure_year = exclusions.measure_year
            and days_of_visits.person_key = exclusions.person_key
            and days_of_visits.visit_date = exclusions.measured_date

),

{{ visits_apart(12, 31) }},

members as (

    select all_visits.*
    from all_visits
    inner join (
        select
            measure_year,
            person_key,
            visit_date
        from apart
        union
        select
            measure_year,
            person_key,
            measured_date as visit_date
        from exclusions
    ) as counted
        on
            all_visits.measure_year = counted.measure_year
            and all_visits.person_key = counted.person_key
            and all_visits.measured_date = counted.visit_date

),

services as (

    select
        measure_year,
        person_key,
        measured_date,
        claim_key,
        value,
        false as is_met,
        event_date,
        delivered_on,
        cast(null as date) as next_due_date
    from events
    where
        concept_key = {{ concept('antibiotic') }}
        and event_date >= measured_date
        and event_date <= {{ date_plus_days('measured_date', 3) }}

),

{{ measure_rows(is_event_based=true, unmet_is_numerator=true, due_date='measured_date') }}
{%- endmacro %}
