-- Every ledger line of the contested claims, wide, so that the steps of METHODS A.1 read a small
-- table. Step 1: of rows equal in every business column the first known is kept and the others are
-- counted; two equal services on one claim differ in line number and both stay.

with

ledger_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }}

),

contested_claims as (

    select * from {{ ref('int_claim_contested') }}

),

rules as (

    select * from {{ ref('int_claim_rule') }}

),

lines as (

    select
        ledger_lines.*,
        contested_claims.claim_family_id,
        {{ claim_family_id('ledger_lines.original_claim_id', 'rules.adjustment_suffix_regex') }}
            as original_family_id
    from ledger_lines
    inner join contested_claims
        on
            ledger_lines.payer = contested_claims.payer
            and ledger_lines.claim_id = contested_claims.claim_id
    left join rules on ledger_lines.payer = rules.payer

),

compared as (

    select
        *,
        row_number() over (
            partition by
                payer,
                claim_id,
                original_claim_id,
                person_id,
                frequency_code,
                claim_type,
                bill_type_code,
                claim_status,
                discharge_status_code,
                drg_code,
                revenue_code,
                hcpcs_code,
                modifier_code_1,
                modifier_code_2,
                modifier_code_3,
                modifier_code_4,
                place_of_service_code,
                diagnosis_code_1,
                diagnosis_code_2,
                diagnosis_code_3,
                diagnosis_code_4,
                diagnosis_code_5,
                diagnosis_code_6,
                diagnosis_code_7,
                diagnosis_code_8,
                diagnosis_code_9,
                diagnosis_code_10,
                diagnosis_code_11,
                diagnosis_code_12,
                diagnosis_code_13,
                diagnosis_code_14,
                diagnosis_code_15,
                diagnosis_code_16,
                diagnosis_code_17,
                diagnosis_code_18,
                diagnosis_code_19,
                diagnosis_code_20,
                diagnosis_code_21,
                diagnosis_code_22,
                diagnosis_code_23,
                diagnosis_code_24,
                diagnosis_code_25,
                procedure_code_1,
                procedure_code_2,
                procedure_code_3,
                procedure_code_4,
                procedure_code_5,
                procedure_code_6,
                billing_tin,
                billing_npi,
                rendering_npi,
                facility_npi,
                line_number,
                version_sequence,
                units,
                billed_amount,
                allowed_amount,
                paid_amount,
                member_liability_amount,
                from_date,
                thru_date,
                admission_date,
                discharge_date,
                received_date,
                paid_date
            order by delivery_order, row_number
        ) as copy_number
    from lines

),

final as (

    select
        cast(payer as string) as payer,
        cast(claim_id as string) as claim_id,
        cast(original_claim_id as string) as original_claim_id,
        cast(person_id as string) as person_id,
        cast(frequency_code as string) as frequency_code,
        cast(claim_type as string) as claim_type,
        cast(bill_type_code as string) as bill_type_code,
        cast(claim_status as string) as claim_status,
        cast(discharge_status_code as string) as discharge_status_code,
        cast(drg_code as string) as drg_code,
        cast(revenue_code as string) as revenue_code,
        cast(hcpcs_code as string) as hcpcs_code,
        cast(modifier_code_1 as string) as modifier_code_1,
        cast(modifier_code_2 as string) as modifier_code_2,
        cast(modifier_code_3 as string) as modifier_code_3,
        cast(modifier_code_4 as string) as modifier_code_4,
        cast(place_of_service_code as string) as place_of_service_code,
        cast(diagnosis_code_1 as string) as diagnosis_code_1,
        cast(diagnosis_code_2 as string) as diagnosis_code_2,
        cast(diagnosis_code_3 as string) as diagnosis_code_3,
        cast(diagnosis_code_4 as string) as diagnosis_code_4,
        cast(diagnosis_code_5 as string) as diagnosis_code_5,
        cast(diagnosis_code_6 as string) as diagnosis_code_6,
        cast(diagnosis_code_7 as string) as diagnosis_code_7,
        cast(diagnosis_code_8 as string) as diagnosis_code_8,
        cast(diagnosis_code_9 as string) as diagnosis_code_9,
        cast(diagnosis_code_10 as string) as diagnosis_code_10,
        cast(diagnosis_code_11 as string) as diagnosis_code_11,
        cast(diagnosis_code_12 as string) as diagnosis_code_12,
        cast(diagnosis_code_13 as string) as diagnosis_code_13,
        cast(diagnosis_code_14 as string) as diagnosis_code_14,
        cast(diagnosis_code_15 as string) as diagnosis_code_15,
        cast(diagnosis_code_16 as string) as diagnosis_code_16,
        cast(diagnosis_code_17 as string) as diagnosis_code_17,
        cast(diagnosis_code_18 as string) as diagnosis_code_18,
        cast(diagnosis_code_19 as string) as diagnosis_code_19,
        cast(diagnosis_code_20 as string) as diagnosis_code_20,
        cast(diagnosis_code_21 as string) as diagnosis_code_21,
        cast(diagnosis_code_22 as string) as diagnosis_code_22,
        cast(diagnosis_code_23 as string) as diagnosis_code_23,
        cast(diagnosis_code_24 as string) as diagnosis_code_24,
        cast(diagnosis_code_25 as string) as diagnosis_code_25,
        cast(procedure_code_1 as string) as procedure_code_1,
        cast(procedure_code_2 as string) as procedure_code_2,
        cast(procedure_code_3 as string) as procedure_code_3,
        cast(procedure_code_4 as string) as procedure_code_4,
        cast(procedure_code_5 as string) as procedure_code_5,
        cast(procedure_code_6 as string) as procedure_code_6,
        cast(billing_tin as string) as billing_tin,
        cast(billing_npi as string) as billing_npi,
        cast(rendering_npi as string) as rendering_npi,
        cast(facility_npi as string) as facility_npi,
        cast(claim_family_id as string) as claim_family_id,
        cast(original_family_id as string) as original_family_id,
        cast(delivery_id as string) as delivery_id,
        cast(line_number as int) as line_number,
        cast(version_sequence as int) as version_sequence,
        cast(units as decimal(18, 3)) as units,
        cast(billed_amount as decimal(18, 2)) as billed_amount,
        cast(allowed_amount as decimal(18, 2)) as allowed_amount,
        cast(paid_amount as decimal(18, 2)) as paid_amount,
        cast(member_liability_amount as decimal(18, 2)) as member_liability_amount,
        cast(delivery_order as bigint) as delivery_order,
        cast(row_number as bigint) as row_number,
        cast(copy_number > 1 as boolean) as is_duplicate,
        cast(from_date as date) as from_date,
        cast(thru_date as date) as thru_date,
        cast(admission_date as date) as admission_date,
        cast(discharge_date as date) as discharge_date,
        cast(received_date as date) as received_date,
        cast(paid_date as date) as paid_date,
        cast(delivered_on as date) as delivered_on
    from compared

)

select * from final
