{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='delete+insert',
        unique_key=['claim_type', 'bill_type_code', 'drg_code', 'place_of_service_code']
    )
}}

-- Distinct header codes of claims (bill type, DRG, place of service) against the value sets of
-- METHODS A.3, A.4 and A.6. Bill types count by their first two digits. Bill type 12x is inpatient
-- only where a DRG says so. Psychiatric and rehabilitation DRGs speak on bill type 11x only.

with

claim_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
    where {{ is_new_row('ledger_lines') }}

),

value_sets as (

    select * from {{ ref('value_set_code_range') }}
    where code_system in ('bill_type', 'drg', 'place_of_service')

),

settings as (

    select distinct
        claim_type,
        coalesce(bill_type_code, '') as bill_type_code,
        coalesce(drg_code, '') as drg_code,
        coalesce(place_of_service_code, '') as place_of_service_code
    from claim_lines

),

codes as (

    select distinct
        'bill_type' as code_system,
        substr(bill_type_code, 1, 2) as code
    from settings
    union
    select distinct
        'drg' as code_system,
        drg_code as code
    from settings
    union
    select distinct
        'place_of_service' as code_system,
        place_of_service_code as code
    from settings

),

matched_codes as (

    select
        codes.code_system,
        codes.code,
        min(case
            when value_sets.value_set like 'service_category_%'
                then cast(right(value_sets.value_set, 2) as int)
        end) as service_category,
        bool_or(value_sets.value_set = 'office_bill') as is_office_bill,
        bool_or(value_sets.value_set = 'office_place') as is_office_place,
        bool_or(value_sets.value_set = 'telehealth_place') as is_telehealth_place,
        bool_or(value_sets.value_set = 'ed_place') as is_ed_place,
        bool_or(value_sets.value_set = 'laboratory_bill') as is_laboratory_bill
    from codes
    inner join value_sets
        on
            codes.code_system = value_sets.code_system
            and {{ code_in_range('codes.code', 'value_sets.code_low', 'value_sets.code_high') }}
    group by codes.code_system, codes.code

),

combined as (

    select
        settings.*,
        settings.claim_type = 'I' as is_institutional,
        substr(settings.bill_type_code, 1, 2) as bill_type_class,
        case when settings.claim_type = 'I' then bills.service_category end as bill_category,
        case when settings.claim_type = 'I' then drgs.service_category end as drg_category,
        case when settings.claim_type = 'P' then places.service_category end as place_category,
        coalesce(settings.claim_type = 'I' and bills.is_office_bill, false)
        or coalesce(settings.claim_type = 'P' and places.is_office_place, false)
            as is_office_setting,
        coalesce(settings.claim_type = 'P' and places.is_telehealth_place, false)
            as is_telehealth_setting,
        coalesce(settings.claim_type = 'P' and places.is_ed_place, false) as is_ed_place,
        coalesce(bills.is_laboratory_bill, false)
        or coalesce(places.service_category = 14, false) as is_laboratory_setting
    from settings
    left join matched_codes as bills
        on
            bills.code_system = 'bill_type'
            and bills.code = substr(settings.bill_type_code, 1, 2)
    left join matched_codes as drgs
        on drgs.code_system = 'drg' and drgs.code = settings.drg_code
    left join matched_codes as places
        on places.code_system = 'place_of_service' and places.code = settings.place_of_service_code

),

final as (

    select
        cast(claim_type as string) as claim_type,
        cast(bill_type_code as string) as bill_type_code,
        cast(drg_code as string) as drg_code,
        cast(place_of_service_code as string) as place_of_service_code,
        -- What the header alone decides for the whole claim, categories 1 to 6.
        cast(
            case
                when bill_type_class = '11' and drg_category in (1, 2) then drg_category
                when drg_category is not null then 3
                when bill_category <= 6 then bill_category
            end as int
        ) as claim_category,
        cast(
            least(
                coalesce(case when bill_category > 6 then bill_category end, 99),
                coalesce(place_category, 99)
            ) as int
        ) as line_category,
        cast(is_institutional as boolean) as is_institutional,
        cast(bill_type_class = '11' and is_institutional as boolean) as is_inpatient_bill,
        cast(bill_type_class = '13' and is_institutional as boolean) as is_hospital_outpatient_bill,
        cast(is_office_setting as boolean) as is_office_setting,
        cast(is_telehealth_setting as boolean) as is_telehealth_setting,
        cast(is_ed_place as boolean) as is_ed_place,
        cast(is_laboratory_setting as boolean) as is_laboratory_setting
    from combined

)

select * from final
