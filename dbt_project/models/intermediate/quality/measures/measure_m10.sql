{{ config(materialized='ephemeral') }}

-- METHODS D.1 M10: a statin fill in the year for four groups, the first that fits: atherosclerotic
-- disease ever; 20 to 75 at the start of the year with an LDL of 190 ever or familial
-- hypercholesterolemia; 40 to 75 with diabetes; 40 to 75 with a ten-year risk of 20 percent told in
-- the year. Breastfeeding in the year and rhabdomyolysis exclude; harm from statins, liver disease
-- and kidney failure except who took none.

with

aged as (

    {{ measure_members('M10') }}

),

findings as (

    select
        measure_year,
        person_key,
        min(case when concept_key = {{ concept('ascvd') }} then event_date end) as ascvd_date,
        min(case
            when concept_key = {{ concept('familial_hypercholesterolemia') }}
                or (concept_key = {{ concept('ldl_cholesterol') }} and value >= 190)
                then event_date
        end) as cholesterol_date,
        min(case
            when
                concept_key = {{ concept('cardiovascular_risk') }}
                and value >= 20
                and event_date >= period_start_date
                then event_date
        end) as risk_date
    from ({{ member_events([
        'ascvd', 'familial_hypercholesterolemia', 'ldl_cholesterol', 'cardiovascular_risk'
    ], 'aged') }}) as findings
    group by measure_year, person_key

),

reasoned as (

    select
        aged.*,
        case
            when findings.ascvd_date is not null then findings.ascvd_date
            when
                aged.age_at_start between 20 and 75 and findings.cholesterol_date is not null
                then findings.cholesterol_date
            when aged.age_at_start between 40 and 75 and aged.is_diabetic
                then aged.first_diabetes_date
            when aged.age_at_start between 40 and 75 then findings.risk_date
        end as reason_date
    from aged
    left join findings
        on aged.measure_year = findings.measure_year and aged.person_key = findings.person_key

),

members as (

    select
        *,
        greatest(eligible_date, reason_date) as condition_date
    from reasoned
    where reason_date is not null

),

services as (

    {{ services_since(['statin'], 'members.period_start_date') }}

),

exclusions as (

    {{ excluded_by('BREASTFEEDING', ['breastfeeding'], 'period_start_date') }}
    union all
    {{ excluded_by('RHABDOMYOLYSIS', ['rhabdomyolysis']) }}

),

exceptions as (

    {{ excluded_by('STATIN_INTOLERANCE', ['statin_intolerance']) }}
    union all
    {{ excluded_by('LIVER_DISEASE', ['liver_disease', 'hepatitis_a', 'hepatitis_b']) }}
    union all
    {{ excluded_by('END_STAGE_RENAL_DISEASE', ['end_stage_renal_disease', 'dialysis']) }}

),

{{ measure_rows(has_exceptions=true, eligible_date='condition_date') }}

select * from final
