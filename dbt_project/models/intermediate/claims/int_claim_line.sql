{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook=[
            '{{ keep_forgotten(changed_claims(), "least(from_date, incurred_date)") }}',
            '{{ forget_changed_claims() }}',
        ]
    )
}}

-- The narrow fact of final claim lines (METHODS A.1 to A.3): integer keys, cents, one category.
-- One scan of the ledger; everything about members, visits, stays and cost reads this. No join
-- here can drop a line: a key that is not found stays null, and a blocking test says so.

with

final_lines as (

    select * from {{ final_lines_to_take() }}

),

persons as (

    select
        person_key,
        payer,
        person_id
    from {{ ref('int_person') }}

),

headers as (

    select
        claim_key,
        claim_category,
        incurred_date
    from {{ ref('int_claim_header') }}

),

settings as (

    select * from {{ ref('int_claim_setting_mapped') }}

),

service_codes as (

    select * from {{ ref('int_service_code_mapped') }}

),

revenue_codes as (

    select * from {{ ref('int_revenue_code_mapped') }}

),

rules as (

    select * from {{ ref('int_claim_rule') }}

),

telehealth_modifiers as (

    select code_low as modifier_code
    from {{ ref('value_set_code_range') }}
    where value_set = 'telehealth_modifier'

),

keyed as (

    select
        *,
        {{ pair_key('payer', 'claim_id') }} as claim_key,
        coalesce(
            modifier_code_1 in (select modifier_code from telehealth_modifiers)
            or modifier_code_2 in (select modifier_code from telehealth_modifiers)
            or modifier_code_3 in (select modifier_code from telehealth_modifiers)
            or modifier_code_4 in (select modifier_code from telehealth_modifiers),
            false
        ) as has_telehealth_modifier
    from final_lines

),

-- First of the joins, while the engine still knows which side is the large one.
headed as (

    select
        keyed.*,
        headers.claim_category,
        headers.incurred_date
    from keyed
    left join headers on keyed.claim_key = headers.claim_key

),

mapped as (

    select
        headed.*,
        persons.person_key,
        settings.line_category as setting_category,
        settings.is_institutional,
        settings.is_hospital_outpatient_bill,
        settings.is_office_setting,
        settings.is_telehealth_setting,
        service_codes.service_category as code_category,
        service_codes.ed_level,
        service_codes.is_ed_facility as is_ed_code,
        service_codes.is_observation as is_observation_code,
        service_codes.is_telehealth as is_telehealth_code,
        service_codes.is_office as is_office_code,
        revenue_codes.service_category as revenue_category,
        revenue_codes.is_surgery as is_surgery_revenue,
        revenue_codes.is_observation as is_observation_revenue,
        revenue_codes.is_ed_facility
        or (revenue_codes.is_ed_urgent_care and rules.ed_include_0456) as is_ed_revenue
    from headed
    left join persons
        on headed.payer = persons.payer and headed.person_id = persons.person_id
    left join rules on headed.payer = rules.payer
    left join settings
        on
            headed.claim_type = settings.claim_type
            and coalesce(headed.bill_type_code, '') = settings.bill_type_code
            and coalesce(headed.drg_code, '') = settings.drg_code
            and coalesce(headed.place_of_service_code, '') = settings.place_of_service_code
    left join service_codes
        on
            headed.hcpcs_code = service_codes.hcpcs_code
            and year(headed.from_date) = service_codes.service_year
    left join revenue_codes on headed.revenue_code = revenue_codes.revenue_code

),

-- First match wins: the smallest number of METHODS A.3's table.
categorised as (

    select
        *,
        coalesce(
            claim_category,
            nullif(
                least(
                    coalesce(code_category, 99),
                    coalesce(case when is_institutional then revenue_category end, 99),
                    setting_category,
                    case when is_hospital_outpatient_bill and is_surgery_revenue then 10 else 99 end
                ),
                99
            ),
            case
                when
                    is_telehealth_code
                    or (is_office_code and (is_telehealth_setting or has_telehealth_modifier))
                    then 20
                when is_office_code and is_office_setting then 21
                when is_institutional then 22
                else 23
            end
        ) as service_category
    from mapped

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(claim_key as bigint) as claim_key,
        cast(billing_tin as bigint) as billing_tin,
        cast(billing_npi as bigint) as billing_npi,
        cast(rendering_npi as bigint) as rendering_npi,
        cast(facility_npi as bigint) as facility_npi,
        cast(place_of_service_code as string) as place_of_service_code,
        cast(hcpcs_code as string) as hcpcs_code,
        cast(service_category as int) as service_category,
        cast(case when not is_institutional then ed_level end as int) as ed_professional_level,
        cast({{ cents('allowed_amount') }} as bigint) as allowed_cents,
        cast({{ cents('paid_amount') }} as bigint) as paid_cents,
        cast(is_institutional as boolean) as is_institutional,
        cast(claim_status = 'denied' as boolean) as is_denied,
        -- A negative line that found no partner is cash, not care.
        cast(
            claim_status <> 'denied' and allowed_amount >= 0 and paid_amount >= 0 as boolean
        ) as is_counted,
        cast(
            is_institutional
            and (coalesce(is_ed_revenue, false) or coalesce(is_ed_code, false)) as boolean
        ) as is_ed_facility_evidence,
        cast(
            coalesce(is_observation_code, false)
            or coalesce(is_institutional and is_observation_revenue, false) as boolean
        ) as is_observation_evidence,
        cast(from_date as date) as from_date,
        cast(thru_date as date) as thru_date,
        cast(coalesce(incurred_date, from_date) as date) as incurred_date
    from categorised

)

select * from final
