{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook='{{ forget_changed_claims() }}'
    )
}}

-- METHODS A.3: inpatient, skilled nursing, hospice, home health and ED are decided for the whole
-- claim, by any of its lines. Only claims so decided are here, with the header facts that ED
-- visits and stays need. A.4's evidence: revenue code or ED code on a facility claim; CPT of an ED
-- visit or place of service 23 on a professional one.

with

-- Each kind of evidence reads its own lines: one shared list of all would be held in memory.
final_lines as (

    select * from {{ final_lines_to_take() }}

),

coded_lines as (

    select *
    from {{ final_lines_to_take() }}
    where hcpcs_code is not null

),

billed_lines as (

    select *
    from {{ final_lines_to_take() }}
    where claim_type = 'I' and revenue_code is not null

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

-- Settings that decide a claim, codes that decide a claim: a line needs one of the three.
deciding_settings as (

    select distinct
        claim_type,
        bill_type_code,
        drg_code,
        place_of_service_code,
        case when claim_category is not null then claim_category else 7 end as claim_category
    from settings
    where claim_category is not null or is_ed_place

),

deciding_service_codes as (

    select
        hcpcs_code,
        service_year,
        is_ed_facility,
        ed_level
    from service_codes
    where is_ed_facility or ed_level is not null

),

deciding_revenue_codes as (

    select
        revenue_codes.*,
        rules.payer,
        revenue_codes.is_ed_facility
        or (revenue_codes.is_ed_urgent_care and rules.ed_include_0456) as is_ed
    from revenue_codes
    cross join rules
    where
        revenue_codes.is_psychiatric
        or revenue_codes.is_rehabilitation
        or revenue_codes.is_hospice
        or revenue_codes.is_ed_facility
        or revenue_codes.is_ed_urgent_care

),

evidence as (

    select
        final_lines.payer,
        final_lines.claim_id,
        final_lines.drg_code,
        final_lines.discharge_status_code,
        final_lines.diagnosis_code_1,
        final_lines.admission_date,
        final_lines.discharge_date,
        final_lines.from_date,
        deciding_settings.claim_category
    from final_lines
    inner join deciding_settings
        on
            final_lines.claim_type = deciding_settings.claim_type
            and coalesce(final_lines.bill_type_code, '') = deciding_settings.bill_type_code
            and coalesce(final_lines.drg_code, '') = deciding_settings.drg_code
            and coalesce(final_lines.place_of_service_code, '')
            = deciding_settings.place_of_service_code
    union all
    select
        coded_lines.payer,
        coded_lines.claim_id,
        coded_lines.drg_code,
        coded_lines.discharge_status_code,
        coded_lines.diagnosis_code_1,
        coded_lines.admission_date,
        coded_lines.discharge_date,
        coded_lines.from_date,
        7 as claim_category
    from coded_lines
    inner join deciding_service_codes
        on
            coded_lines.hcpcs_code = deciding_service_codes.hcpcs_code
            and year(coded_lines.from_date) = deciding_service_codes.service_year
    where coded_lines.claim_type = 'I' or deciding_service_codes.ed_level is not null
    union all
    select
        billed_lines.payer,
        billed_lines.claim_id,
        billed_lines.drg_code,
        billed_lines.discharge_status_code,
        billed_lines.diagnosis_code_1,
        billed_lines.admission_date,
        billed_lines.discharge_date,
        billed_lines.from_date,
        case
            when substr(billed_lines.bill_type_code, 1, 2) = '11' and codes.is_psychiatric then 1
            when substr(billed_lines.bill_type_code, 1, 2) = '11' and codes.is_rehabilitation then 2
            when codes.is_hospice then 5
            when codes.is_ed then 7
        end as claim_category
    from billed_lines
    inner join deciding_revenue_codes as codes
        on billed_lines.revenue_code = codes.revenue_code and billed_lines.payer = codes.payer

),

claims as (

    select
        payer,
        claim_id,
        min(claim_category) as claim_category,
        max(drg_code) as drg_code,
        max(discharge_status_code) as discharge_status_code,
        min(diagnosis_code_1) as principal_diagnosis_code,
        min(admission_date) as admission_date,
        max(discharge_date) as discharge_date,
        min(from_date) as from_date
    from evidence
    where claim_category is not null
    group by payer, claim_id

),

final as (

    select
        cast({{ pair_key('payer', 'claim_id') }} as bigint) as claim_key,
        cast(payer as string) as payer,
        cast(claim_id as string) as claim_id,
        cast(drg_code as string) as drg_code,
        cast(discharge_status_code as string) as discharge_status_code,
        cast(principal_diagnosis_code as string) as principal_diagnosis_code,
        cast(claim_category as int) as claim_category,
        cast(admission_date as date) as admission_date,
        cast(discharge_date as date) as discharge_date,
        -- Cost of a stay belongs to the month of admission (METHODS A.7.5).
        cast(
            case when claim_category <= 3 then coalesce(admission_date, from_date) end as date
        ) as incurred_date
    from claims

)

select * from final
