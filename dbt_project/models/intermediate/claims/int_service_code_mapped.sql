{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='delete+insert',
        unique_key=['hcpcs_code', 'service_year']
    )
}}

-- DESIGN decision 4: distinct codes meet the value sets once, the claims meet the small result.
-- A code means what its year of service says, where a set is bounded by years (METHODS A.3, A.6).

with

claim_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
    where {{ is_new_row('ledger_lines') }}

),

value_sets as (

    select * from {{ ref('value_set_code_range') }} where code_system = 'hcpcs'

),

codes as (

    select distinct
        hcpcs_code,
        year(from_date) as service_year
    from claim_lines
    where hcpcs_code is not null

),

matches as (

    select
        codes.hcpcs_code,
        codes.service_year,
        value_sets.value_set
    from codes
    inner join value_sets
        on
            {{ code_in_range('codes.hcpcs_code', 'value_sets.code_low', 'value_sets.code_high') }}
            and codes.service_year >= coalesce(value_sets.first_service_year, 0)
            and codes.service_year <= coalesce(value_sets.last_service_year, 9999)

),

final as (

    select
        cast(hcpcs_code as string) as hcpcs_code,
        cast(service_year as int) as service_year,
        cast(
            min(case
                when value_set like 'service_category_%' then cast(right(value_set, 2) as int)
            end) as int
        ) as service_category,
        cast(
            max(case when value_set = 'ed_professional' then right(hcpcs_code, 1) end) as int
        ) as ed_level,
        cast(bool_or(value_set = 'ed_facility') as boolean) as is_ed_facility,
        cast(bool_or(value_set = 'service_category_09') as boolean) as is_observation,
        cast(bool_or(value_set = 'telehealth_code') as boolean) as is_telehealth,
        cast(bool_or(value_set = 'office_code') as boolean) as is_office,
        cast(bool_or(value_set = 'primary_care_code') as boolean) as is_primary_care,
        cast(bool_or(value_set = 'primary_care_nurse_visit') as boolean)
            as is_primary_care_nurse_visit,
        cast(bool_or(value_set = 'primary_care_add_on') as boolean) as is_primary_care_add_on,
        cast(bool_or(value_set = 'preventive_visit') as boolean) as is_preventive,
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
    group by hcpcs_code, service_year

)

select * from final
