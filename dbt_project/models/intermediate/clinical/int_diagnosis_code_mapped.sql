-- DESIGN decision 4: distinct diagnosis codes meet the condition ranges (METHODS C.2) once.

{%- set diagnosis_columns = [] -%}
{%- for position in range(1, 26) -%}
    {%- do diagnosis_columns.append('diagnosis_code_' ~ position) -%}
{%- endfor %}

with

claim_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }}

),

ranges as (

    select * from {{ ref('condition_diagnosis_range') }}

),

codes as (

    select distinct {{ columns_to_rows(diagnosis_columns) }} as diagnosis_code
    from claim_lines

),

matches as (

    select
        codes.diagnosis_code,
        ranges.condition,
        bool_or(ranges.is_exclusion) as is_excluded
    from codes
    inner join ranges
        on
            substr(codes.diagnosis_code, 1, length(ranges.code_low))
            between ranges.code_low and ranges.code_high
    group by codes.diagnosis_code, ranges.condition

),

final as (

    select
        cast(diagnosis_code as string) as diagnosis_code,
        cast(condition as string) as condition
    from matches
    where not is_excluded

)

select * from final
