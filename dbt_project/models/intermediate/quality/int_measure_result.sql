{%- set measures = [
    'm01', 'm02', 'm03', 'm04', 'm05', 'm06', 'm06b', 'm07', 'm08', 'm09', 'm10', 'm11', 'm12',
    'm13', 'm14', 'm15', 'm16', 'm17', 'm18', 'm18b', 'm19', 'm20', 'm21', 'm22', 'm23', 'm24',
    'm25', 'm26', 'm26a', 'm26b', 'm27', 'm28', 'm29', 'm29b', 'm30', 'm30b', 'm30c', 'm30d', 'm31',
    'm32', 'm32b', 'm33', 'm34',
] -%}
-- METHODS D.1: every measure for every member it concerns. Each measure is a file of its own.

with

results as (
    {% for measure in measures %}
    select * from {{ ref('measure_' ~ measure) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

final as (

    select
        cast(measure_id as string) as measure_id,
        cast(measure_version as string) as measure_version,
        cast(measure_year as int) as measure_year,
        person_key,
        cast(exclusion_reason as string) as exclusion_reason,
        cast(evidence_claim_key as bigint) as evidence_claim_key,
        cast(evidence_value as decimal(12, 3)) as evidence_value,
        cast(is_measurable as boolean) as is_measurable,
        cast(is_denominator as boolean) as is_denominator,
        cast(is_numerator as boolean) as is_numerator,
        cast(measured_date as date) as measured_date,
        cast(evidence_date as date) as evidence_date,
        cast(evidence_known_on as date) as evidence_known_on,
        cast(due_date as date) as due_date
    from results

)

select * from final
