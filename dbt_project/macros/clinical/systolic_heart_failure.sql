{#- METHODS D.1 M33 and M34: members with heart failure, a weak left ventricle (an ejection fraction of
    at most 40 percent, or the diagnosis) and two visits in the year. -#}
{% macro systolic_heart_failure_members(measure_id) -%}
aged as (

    {{ measure_members(measure_id) }}

),

failing as (

    {{ members_with_condition(['congestive_heart_failure'], 'aged') }}

),

weak as (

    select
        measure_year,
        person_key,
        min(event_date) as first_date
    from ({{ member_events(['systolic_heart_failure', 'ejection_fraction'], 'aged') }}) as findings
    where concept_key = {{ concept('systolic_heart_failure') }} or value <= 40
    group by measure_year, person_key

),

visit_days as (

    select * from {{ ref('int_visit_year') }}

),

members as (

    select
        aged.*,
        greatest(aged.eligible_date, failing.first_date, weak.first_date) as condition_date
    from aged
    inner join failing
        on aged.measure_year = failing.measure_year and aged.person_key = failing.person_key
    inner join weak on aged.measure_year = weak.measure_year and aged.person_key = weak.person_key
    inner join visit_days
        on aged.measure_year = visit_days.measure_year and aged.person_key = visit_days.person_key
    where visit_days.visit_count >= 2

)
{%- endmacro %}
