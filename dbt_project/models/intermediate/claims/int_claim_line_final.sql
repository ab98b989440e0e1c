{{ config(materialized="view") }}

-- METHODS A.1: the lines that are final, in the ledger's own columns. Claims nothing happened to
-- come straight from the ledger; contested ones as resolved. A view, so that no wide table of
-- claims is ever written (DESIGN decision 3).

with

ledger_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }}

),

contested_claims as (

    select * from {{ ref('int_claim_contested') }}

),

resolved_lines as (

    select * from {{ ref('int_claim_line_resolved') }}

),

uncontested_lines as (

    select ledger_lines.*
    from ledger_lines
    anti join contested_claims
        on
            {{ pair_key('ledger_lines.payer', 'ledger_lines.claim_id') }}
            = contested_claims.claim_key

),

final as (

    select
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
        delivery_id,
        line_number,
        version_sequence,
        units,
        billed_amount,
        allowed_amount,
        paid_amount,
        member_liability_amount,
        delivery_order,
        row_number,
        from_date,
        thru_date,
        admission_date,
        discharge_date,
        received_date,
        paid_date,
        delivered_on
    from uncontested_lines
    union all
    select
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
        delivery_id,
        line_number,
        version_sequence,
        units,
        billed_amount,
        allowed_amount,
        paid_amount,
        member_liability_amount,
        delivery_order,
        row_number,
        from_date,
        thru_date,
        admission_date,
        discharge_date,
        received_date,
        paid_date,
        delivered_on
    from resolved_lines
    where disposition = 'final'

)

select * from final
