{{ config(materialized=light_materialization()) }}

-- METHODS A.1: the lines that are final, in the ledger's own columns. A line of a claim nothing
-- happened to is final as delivered; a contested one as resolved, with the sums of what it nets. A
-- view, so that no wide table of claims is ever written (DESIGN decision 3).

with

ledger_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }}

),

resolved_lines as (

    select * from {{ ref('int_claim_line_resolved') }}

),

final as (

    select
        ledger_lines.payer,
        ledger_lines.claim_id,
        ledger_lines.original_claim_id,
        ledger_lines.person_id,
        ledger_lines.frequency_code,
        ledger_lines.claim_type,
        ledger_lines.bill_type_code,
        ledger_lines.claim_status,
        ledger_lines.discharge_status_code,
        ledger_lines.drg_code,
        ledger_lines.revenue_code,
        ledger_lines.hcpcs_code,
        ledger_lines.modifier_code_1,
        ledger_lines.modifier_code_2,
        ledger_lines.modifier_code_3,
        ledger_lines.modifier_code_4,
        ledger_lines.place_of_service_code,
        ledger_lines.diagnosis_code_1,
        ledger_lines.diagnosis_code_2,
        ledger_lines.diagnosis_code_3,
        ledger_lines.diagnosis_code_4,
        ledger_lines.diagnosis_code_5,
        ledger_lines.diagnosis_code_6,
        ledger_lines.diagnosis_code_7,
        ledger_lines.diagnosis_code_8,
        ledger_lines.diagnosis_code_9,
        ledger_lines.diagnosis_code_10,
        ledger_lines.diagnosis_code_11,
        ledger_lines.diagnosis_code_12,
        ledger_lines.diagnosis_code_13,
        ledger_lines.diagnosis_code_14,
        ledger_lines.diagnosis_code_15,
        ledger_lines.diagnosis_code_16,
        ledger_lines.diagnosis_code_17,
        ledger_lines.diagnosis_code_18,
        ledger_lines.diagnosis_code_19,
        ledger_lines.diagnosis_code_20,
        ledger_lines.diagnosis_code_21,
        ledger_lines.diagnosis_code_22,
        ledger_lines.diagnosis_code_23,
        ledger_lines.diagnosis_code_24,
        ledger_lines.diagnosis_code_25,
        ledger_lines.procedure_code_1,
        ledger_lines.procedure_code_2,
        ledger_lines.procedure_code_3,
        ledger_lines.procedure_code_4,
        ledger_lines.procedure_code_5,
        ledger_lines.procedure_code_6,
        ledger_lines.billing_tin,
        ledger_lines.billing_npi,
        ledger_lines.rendering_npi,
        ledger_lines.facility_npi,
        ledger_lines.delivery_id,
        ledger_lines.line_number,
        ledger_lines.version_sequence,
        coalesce(resolved_lines.units, ledger_lines.units) as units,
        coalesce(resolved_lines.billed_amount, ledger_lines.billed_amount) as billed_amount,
        coalesce(resolved_lines.allowed_amount, ledger_lines.allowed_amount) as allowed_amount,
        coalesce(resolved_lines.paid_amount, ledger_lines.paid_amount) as paid_amount,
        coalesce(resolved_lines.member_liability_amount, ledger_lines.member_liability_amount)
            as member_liability_amount,
        ledger_lines.delivery_order,
        ledger_lines.row_number,
        ledger_lines.from_date,
        ledger_lines.thru_date,
        ledger_lines.admission_date,
        ledger_lines.discharge_date,
        ledger_lines.received_date,
        ledger_lines.paid_date,
        ledger_lines.delivered_on
    from ledger_lines
    left join resolved_lines
        on
            ledger_lines.delivery_order = resolved_lines.delivery_order
            and ledger_lines.row_number = resolved_lines.row_number
    where coalesce(resolved_lines.disposition, 'final') = 'final'

)

select * from final
