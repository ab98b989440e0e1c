{%- set comorbidities = lace_comorbidities() -%}
{%- set findings = [] -%}
{%- for grades in comorbidities -%}
    {%- for points, names in grades -%}{%- do findings.extend(names) -%}{%- endfor -%}
{%- endfor -%}
-- METHODS F.1 (LACE) and F.2 (HOSPITAL, in the version dbt_project.yml names) of every acute or
-- psychiatric episode, and who of them is at high risk of coming back (C.3, HR1). Comorbidity is told by the diagnoses of the 24
-- months before and of the stay itself; of a pair the severe one alone counts. A stay is urgent when it
-- began in the emergency department, or the hospital said so. The oncology service is told by the
-- reason, a laboratory value nobody sent counts nothing and is flagged.

with

episodes as (

    select * from {{ ref('int_index_stay') }}

),

events as (

    select
        person_key,
        concept_key,
        source_kind,
        value,
        event_date
    from {{ ref('int_clinical_event') }}
    where
        (
            concept_key in {{ concepts(findings) }}
            and source_kind in ({{ source_kind('stay') }}, {{ source_kind('visit') }})
        )
        or (
            concept_key in {{ concepts(['haemoglobin', 'sodium']) }}
            and source_kind = {{ source_kind('result') }}
            and value is not null
        )

),

emergency_visits as (

    select * from {{ ref('int_ed_visit') }}

),

links as (

    select
        stay_key,
        admission_type
    from {{ ref('int_adt_stay_link') }}
    where stay_key is not null

),

comorbidities as (

    select
        episodes.index_key,
        {%- for grades in comorbidities %}
        {{ '+ ' if not loop.first }}case
            {%- for points, names in grades %}
            when bool_or(events.concept_key in {{ concepts(names) }}) then {{ points }}
            {%- endfor %}
            else 0
        end
        {%- endfor %} as comorbidity_sum
    from episodes
    inner join events
        on
            episodes.person_key = events.person_key
            and events.event_date >= {{ date_plus_months('episodes.admission_date', -24) }}
            and events.event_date <= coalesce(episodes.discharge_date, date '9999-12-31')
    group by episodes.index_key

),

-- The last value before discharge; of one day the lower.
last_results as (

    select
        episodes.index_key,
        events.concept_key,
        events.value
    from episodes
    inner join events
        on
            episodes.person_key = events.person_key
            and events.concept_key in {{ concepts(['haemoglobin', 'sodium']) }}
            and events.event_date >= episodes.admission_date
            and events.event_date <= coalesce(episodes.discharge_date, date '9999-12-31')
    qualify row_number() over (
        partition by episodes.index_key, events.concept_key
        order by events.event_date desc, events.value
    ) = 1

),

results as (

    select
        index_key,
        max(case when concept_key = {{ concept('haemoglobin') }} then value end) as haemoglobin,
        max(case when concept_key = {{ concept('sodium') }} then value end) as sodium
    from last_results
    group by index_key

),

visits as (

    select
        episodes.index_key,
        bool_or(
            emergency_visits.is_ed_to_inpatient
            and episodes.admission_date >= emergency_visits.visit_start_date
            and episodes.admission_date
            <= {{ date_plus_days('emergency_visits.visit_end_date', 1) }}
        ) as is_from_emergency,
        -- The visit that led to the admission is none of those before it.
        sum(
            case
                when emergency_visits.visit_start_date >= episodes.admission_date then 0
                when
                    emergency_visits.is_ed_to_inpatient
                    and episodes.admission_date
                    <= {{ date_plus_days('emergency_visits.visit_end_date', 1) }}
                    then 0
                else 1
            end
        ) as emergency_visits
    from episodes
    inner join emergency_visits
        on
            episodes.person_key = emergency_visits.person_key
            and emergency_visits.visit_start_date <= episodes.admission_date
            and emergency_visits.visit_start_date
            >= {{ date_plus_months('episodes.admission_date', -6) }}
    group by episodes.index_key

),

earlier_stays as (

    select
        episodes.index_key,
        count(*) as admissions,
        bool_or(earlier.is_readmission) as has_readmission
    from episodes
    inner join episodes as earlier
        on
            episodes.person_key = earlier.person_key
            and earlier.admission_date < episodes.admission_date
            and earlier.admission_date >= {{ date_plus_months('episodes.admission_date', -12) }}
    group by episodes.index_key

),

components as (

    select
        episodes.*,
        case
            when episodes.length_of_stay_days <= 3 then episodes.length_of_stay_days
            when episodes.length_of_stay_days <= 6 then 4
            when episodes.length_of_stay_days <= 13 then 5
            else 7
        end as length_points,
        coalesce(visits.is_from_emergency, false)
        or coalesce(links.admission_type in ('emergency', 'urgent', 'trauma'), false) as is_urgent,
        case
            when coalesce(comorbidities.comorbidity_sum, 0) >= 4 then 5
            else coalesce(comorbidities.comorbidity_sum, 0)
        end as comorbidity_points,
        least(coalesce(visits.emergency_visits, 0), 4) as emergency_points,
        results.haemoglobin,
        results.sodium,
        coalesce(earlier_stays.admissions, 0) as earlier_admissions,
        coalesce(earlier_stays.has_readmission, false)
        or episodes.is_readmission as has_been_readmitted
    from episodes
    left join comorbidities on episodes.index_key = comorbidities.index_key
    left join results on episodes.index_key = results.index_key
    left join visits on episodes.index_key = visits.index_key
    left join earlier_stays on episodes.index_key = earlier_stays.index_key
    left join links on episodes.first_stay_key = links.stay_key

),

scored as (

    select
        *,
        length_points
        + case when is_urgent then 3 else 0 end
        + comorbidity_points
        + emergency_points as lace_score,
        case when haemoglobin < 12 then 1 else 0 end
        + case when is_cancer_reason then 2 else 0 end
        + case when sodium < 135 then 1 else 0 end
        + case when has_procedure then 1 else 0 end
        + case when is_urgent then 1 else 0 end
        + case
            when earlier_admissions > 5 then 5
            when earlier_admissions >= {{ {2013: 1, 2016: 2}[var('hospital_version')] }} then 2
            else 0
        end
        + case when length_of_stay_days >= 5 then 2 else 0 end as hospital_score
    from components

),

final as (

    select
        cast(index_key as bigint) as index_key,
        person_key,
        cast(
            case
                when lace_score >= 10 then 'high'
                when lace_score >= 5 then 'moderate'
                else 'low'
            end as string
        ) as lace_band,
        cast(
            case
                when hospital_score >= 7 then 'high'
                when hospital_score >= 5 then 'intermediate'
                else 'low'
            end as string
        ) as hospital_band,
        -- The first that holds.
        cast(
            case
                when lace_score >= 10 then 'LACE'
                when hospital_score >= 7 then 'HOSPITAL'
                when has_been_readmitted then 'READMITTED_BEFORE'
                when
                    substr(principal_diagnosis_code, 1, 3) in ('I50', 'J44')
                    or substr(principal_diagnosis_code, 1, 4) in ('I110', 'I130', 'I132')
                    then 'HEART_FAILURE_OR_COPD'
            end as string
        ) as high_risk_reason,
        cast(length_points as int) as length_points,
        cast(case when is_urgent then 3 else 0 end as int) as acuity_points,
        cast(comorbidity_points as int) as comorbidity_points,
        cast(emergency_points as int) as emergency_points,
        cast(lace_score as int) as lace_score,
        cast(hospital_score as int) as hospital_score,
        cast(earlier_admissions as int) as earlier_admissions,
        cast(haemoglobin as decimal(12, 3)) as haemoglobin,
        cast(sodium as decimal(12, 3)) as sodium,
        -- Through both published ends of the scale, for a general population: METHODS F.1.
        cast(1 / (1 + exp(3.89182e0 - 0.191499e0 * lace_score)) as decimal(5, 4)) as lace_risk,
        cast(
            case
                when hospital_score >= 7 then 0.228
                when hospital_score >= 5 then 0.119
                else 0.058
            end as decimal(5, 4)
        ) as hospital_risk,
        cast(is_urgent as boolean) as is_urgent,
        cast(haemoglobin is null or sodium is null as boolean) as is_hospital_incomplete,
        cast(discharge_date as date) as discharge_date
    from scored

)

select * from final
