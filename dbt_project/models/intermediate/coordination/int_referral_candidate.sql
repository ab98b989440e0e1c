-- METHODS L.2: whom the payer's disease-management and lifestyle programs could help, and why. Nobody
-- who is enrolled, declined in the last 180 days, is in hospice, is under 18 or has died or left.
--   diabetes               last A1c above 8, less than 80 % of days covered, or newly qualified
--   heart_disease          heart condition with a stay for it in 12 months, or statins below 80 %
--   asthma                 an emergency visit for it in 12 months, or medication ratio not met
--   copd                   on the registry
--   chronic_kidney_disease last eGFR below 45 (stage 3b)
--   depression             last PHQ-9 of 10 or more; newly qualified where none was told in 12 months
--   weight_management      obesity with another condition
--   tobacco_cessation      a diagnosis in 12 months, or the last status told is that of a user
--   stress_management      a diagnosis in 12 months, or a last PHQ-2 of 3 or more

with

run as (

    select
        as_of,
        {{ date_plus_months('as_of', -12) }} as year_ago,
        {{ date_plus_days('as_of', -90) }} as quarter_ago,
        {{ date_plus_days('as_of', -180) }} as declined_since
    from {{ ref('stg_ledger__run') }}

),

members as (

    select
        members.person_key,
        members.payer,
        members.person_id
    from {{ ref('int_care_member') }} as members
    cross join run
    where
        members.program_id is not null
        and members.is_covered
        and not members.is_hospice
        and members.death_date is null
        and members.birth_date is not null
        and {{ completed_years('members.birth_date', 'run.as_of') }} >= 18

),

registry as (

    select
        person_key,
        condition,
        first_qualify_date
    from {{ ref('int_condition_registry') }}
    where basis = 'run' and is_active

),

diagnosed as (

    select
        person_key,
        max(case when condition = 'diabetes' then first_qualify_date end) as diabetes_date,
        max(case when condition = 'depression' then first_qualify_date end) as depression_date,
        bool_or(condition in ('ischemic_heart_disease', 'congestive_heart_failure')) as has_heart,
        bool_or(condition = 'asthma') as has_asthma,
        bool_or(condition = 'copd') as has_copd,
        bool_or(condition = 'ckd') as has_ckd,
        bool_or(condition = 'obesity') as has_obesity,
        count(*) as conditions
    from registry
    group by person_key

),

events as (

    select
        events.person_key,
        events.concept_key,
        events.event_date,
        events.value
    from {{ ref('int_clinical_event') }} as events
    inner join members on events.person_key = members.person_key
    cross join run
    where
        events.concept_key in {{ concepts(
            ['hba1c', 'egfr', 'phq_9', 'phq_2', 'tobacco_use', 'tobacco_status', 'stress_or_anxiety']
        ) }}
        and events.event_date > run.year_ago
        and events.event_date <= run.as_of

),

told as (

    select
        person_key,
        bool_or(concept_key = {{ concept('tobacco_use') }}) as has_tobacco,
        bool_or(concept_key = {{ concept('stress_or_anxiety') }}) as has_stress
    from events
    group by person_key

),

last_days as (

    select
        person_key,
        concept_key,
        max(event_date) as event_date
    from events
    where value is not null
    group by person_key, concept_key

),

-- Of several values of a day the lowest speaks (METHODS D.1, M06); of screens the highest.
last_values as (

    select
        events.person_key,
        min(case when events.concept_key = {{ concept('hba1c') }} then events.value end) as a1c,
        min(case when events.concept_key = {{ concept('egfr') }} then events.value end) as egfr,
        max(case when events.concept_key = {{ concept('phq_9') }} then events.value end) as phq_9,
        max(case when events.concept_key = {{ concept('phq_2') }} then events.value end) as phq_2,
        max(case when events.concept_key = {{ concept('tobacco_status') }} then events.value end)
            as tobacco_status
    from events
    inner join last_days
        on
            events.person_key = last_days.person_key
            and events.concept_key = last_days.concept_key
            and events.event_date = last_days.event_date
    group by events.person_key

),

adherence as (

    select
        person_key,
        bool_or(
            drug_class = 'diabetes_drug' and 100 * covered_days < 80 * treatment_days
        ) as has_late_diabetes_drug,
        bool_or(drug_class = 'statin' and 100 * covered_days < 80 * treatment_days)
            as has_late_statin
    from {{ ref('int_medication_adherence') }} as adherence
    inner join (
        select max(measure_year) as measure_year from {{ ref('int_medication_adherence') }}
    ) as newest
        on adherence.measure_year = newest.measure_year
    group by person_key

),

asthma_ratios as (

    select results.person_key
    from {{ ref('int_measure_result') }} as results
    inner join (
        select max(measure_year) as measure_year from {{ ref('int_measure_year') }}
    ) as newest
        on results.measure_year = newest.measure_year
    where
        results.measure_id = 'M14'
        and results.is_denominator
        and results.is_measurable
        and not results.is_numerator
    group by results.person_key

),

heart_stays as (

    select stays.person_key
    from {{ ref('int_inpatient_stay') }} as stays
    cross join run
    where
        stays.admission_date > run.year_ago
        and (
            stays.principal_diagnosis_code like 'I2%' or stays.principal_diagnosis_code like 'I50%'
        )
        and substr(stays.principal_diagnosis_code, 1, 3) <= 'I50'
        and substr(stays.principal_diagnosis_code, 1, 3) not in ('I26', 'I27', 'I28')
    group by stays.person_key

),

asthma_visits as (

    select visits.person_key
    from {{ ref('int_ed_visit') }} as visits
    cross join run
    where visits.visit_start_date > run.year_ago and visits.principal_diagnosis_code like 'J45%'
    group by visits.person_key

),

facts as (

    select
        members.*,
        diagnosed.diabetes_date,
        diagnosed.depression_date,
        coalesce(diagnosed.has_heart, false) as has_heart,
        coalesce(diagnosed.has_asthma, false) as has_asthma,
        coalesce(diagnosed.has_copd, false) as has_copd,
        coalesce(diagnosed.has_ckd, false) as has_ckd,
        coalesce(diagnosed.has_obesity and diagnosed.conditions > 1, false) as has_obesity_and_more,
        coalesce(told.has_tobacco, false) as has_tobacco,
        coalesce(told.has_stress, false) as has_stress,
        last_values.a1c,
        last_values.egfr,
        last_values.phq_9,
        last_values.phq_2,
        last_values.tobacco_status,
        coalesce(adherence.has_late_diabetes_drug, false) as has_late_diabetes_drug,
        coalesce(adherence.has_late_statin, false) as has_late_statin,
        asthma_ratios.person_key is not null as has_low_asthma_ratio,
        heart_stays.person_key is not null as has_heart_stay,
        asthma_visits.person_key is not null as has_asthma_visit
    from members
    left join diagnosed on members.person_key = diagnosed.person_key
    left join told on members.person_key = told.person_key
    left join last_values on members.person_key = last_values.person_key
    left join adherence on members.person_key = adherence.person_key
    left join asthma_ratios on members.person_key = asthma_ratios.person_key
    left join heart_stays on members.person_key = heart_stays.person_key
    left join asthma_visits on members.person_key = asthma_visits.person_key

),

candidates as (

    select
        facts.person_key,
        facts.payer,
        facts.person_id,
        programs.support_program,
        case programs.support_program
            when 'diabetes' then
                case
                    when facts.diabetes_date is null then null
                    when facts.a1c > 8 then 'last A1c above 8'
                    when facts.has_late_diabetes_drug then 'diabetes drugs on fewer than 80 % of days'
                    when facts.diabetes_date > run.quarter_ago then 'newly qualified'
                end
            when 'heart_disease' then
                case
                    when not facts.has_heart then null
                    when facts.has_heart_stay then 'stay for it in 12 months'
                    when facts.has_late_statin then 'statin on fewer than 80 % of days'
                end
            when 'asthma' then
                case
                    when not facts.has_asthma then null
                    when facts.has_asthma_visit then 'emergency visit for it in 12 months'
                    when facts.has_low_asthma_ratio then 'medication ratio below 0.5'
                end
            when 'copd' then case when facts.has_copd then 'on the registry' end
            when 'chronic_kidney_disease' then
                case when facts.has_ckd and facts.egfr < 45 then 'last eGFR below 45' end
            when 'depression' then
                case
                    when facts.phq_9 >= 10 then 'last PHQ-9 of 10 or more'
                    when facts.phq_9 is null and facts.depression_date > run.quarter_ago
                        then 'newly qualified'
                end
            when 'weight_management' then
                case when facts.has_obesity_and_more then 'obesity with another condition' end
            when 'tobacco_cessation' then
                case
                    when facts.has_tobacco then 'tobacco use in 12 months'
                    when facts.tobacco_status = 1 then 'uses tobacco, by her last record'
                end
            when 'stress_management' then
                case
                    when facts.has_stress then 'stress or anxiety in 12 months'
                    when facts.phq_2 >= 3 then 'last PHQ-2 of 3 or more'
                end
        end as reason
    from facts
    cross join run
    cross join (
        select 'diabetes' as support_program
        {%- for name in [
            'heart_disease', 'asthma', 'copd', 'chronic_kidney_disease', 'depression',
            'weight_management', 'tobacco_cessation', 'stress_management'
        ] %}
        union all
        select '{{ name }}' as support_program
        {%- endfor %}
    ) as programs

),

spoken_for as (

    select
        enrollments.payer,
        enrollments.person_id,
        enrollments.support_program
    from {{ ref('stg_ledger__support_program_enrollment') }} as enrollments
    cross join run
    group by enrollments.payer, enrollments.person_id, enrollments.support_program
    having
        bool_or(enrollments.enrolled_date is not null and enrollments.completed_date is null)
        or bool_or(enrollments.declined_date > run.declined_since)

),

final as (

    select
        cast(candidates.person_key as int) as person_key,
        cast(candidates.payer as string) as payer,
        cast(candidates.person_id as string) as person_id,
        cast(candidates.support_program as string) as support_program,
        cast(candidates.reason as string) as reason
    from candidates
    left join spoken_for
        on
            candidates.payer = spoken_for.payer
            and candidates.person_id = spoken_for.person_id
            and candidates.support_program = spoken_for.support_program
    where candidates.reason is not null and spoken_for.person_id is null

)

select * from final
