{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='delete+insert',
        unique_key=['code_system', 'code', 'concept_key']
    )
}}

-- DESIGN decision 4: distinct codes of claims meet the value sets once (METHODS C.2, D, Q). A
-- diagnosis or hospital procedure belongs by its first characters, a service code by its range.

with

-- Each kind of code reads its own columns: one shared list of lines would be handed around twice.
claim_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
    where {{ is_new_row('ledger_lines') }}

),

serviced_lines as (

    select hcpcs_code
    from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
    where ledger_lines.hcpcs_code is not null and {{ is_new_row('ledger_lines') }}

),

value_sets as (

    select
        named.concept_key,
        value_sets.*
    from {{ ref('clinical_value_set') }} as value_sets
    inner join ({{ concept_rows() }}) as named on value_sets.concept = named.concept

),

claim_codes as (

    select distinct {{ columns_to_rows(claim_code_columns()) }} as code
    from claim_lines

),

-- A diagnosis begins with a letter, a listed procedure with a digit.
codes as (

    select
        case when substr(code, 1, 1) between '0' and '9' then 'icd10pcs' else 'icd10cm' end
            as code_system,
        code
    from claim_codes
    where code is not null
    union all
    select distinct
        'hcpcs' as code_system,
        hcpcs_code as code
    from serviced_lines

),

matches as (

    select
        codes.code_system,
        codes.code,
        value_sets.concept_key,
        value_sets.value,
        value_sets.is_exclusion
    from codes
    inner join value_sets
        on
            codes.code_system = value_sets.code_system
            and (
                (
                    codes.code_system <> 'hcpcs'
                    and substr(codes.code, 1, length(value_sets.code_low))
                    between value_sets.code_low and value_sets.code_high
                )
                or (
                    codes.code_system = 'hcpcs'
                    and {{ code_in_range('codes.code', 'value_sets.code_low', 'value_sets.code_high') }}
                )
            )

),

final as (

    select
        cast(code_system as string) as code_system,
        cast(code as string) as code,
        cast(concept_key as int) as concept_key,
        cast(max(value) as decimal(12, 3)) as value
    from matches
    group by code_system, code, concept_key
    having not bool_or(is_exclusion)

)

select * from final
