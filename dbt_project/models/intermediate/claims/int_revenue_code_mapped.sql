{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='delete+insert',
        unique_key='revenue_code'
    )
}}

-- Distinct revenue codes against the value sets of METHODS A.3 and A.4.

with

claim_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
    where {{ is_new_row('ledger_lines') }}

),

value_sets as (

    select * from {{ ref('value_set_code_range') }} where code_system = 'revenue'

),

codes as (

    select distinct revenue_code from claim_lines where revenue_code is not null

),

matches as (

    select
        codes.revenue_code,
        value_sets.value_set
    from codes
    inner join value_sets
        on {{ code_in_range(
            'codes.revenue_code', 'value_sets.code_low', 'value_sets.code_high'
        ) }}

),

final as (

    select
        cast(revenue_code as string) as revenue_code,
        cast(
            min(case
                when value_set like 'service_category_%' and right(value_set, 2) >= '08'
                    then cast(right(value_set, 2) as int)
            end) as int
        ) as service_category,
        cast(bool_or(value_set = 'service_category_01') as boolean) as is_psychiatric,
        cast(bool_or(value_set = 'service_category_02') as boolean) as is_rehabilitation,
        cast(bool_or(value_set = 'service_category_05') as boolean) as is_hospice,
        cast(bool_or(value_set = 'ed_facility') as boolean) as is_ed_facility,
        cast(bool_or(value_set = 'ed_facility_0456') as boolean) as is_ed_urgent_care,
        cast(bool_or(value_set = 'service_category_09') as boolean) as is_observation,
        cast(bool_or(value_set = 'surgery_on_hospital_outpatient_bill') as boolean) as is_surgery,
        cast(
            bool_or(value_set in (
                'service_category_12',
                'service_category_13',
                'service_category_14',
                'service_category_15',
                'service_category_16'
            )) as boolean
        ) as is_ancillary
    from matches
    group by revenue_code

)

select * from final
