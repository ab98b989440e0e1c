with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('medical_claims') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.claim_id as string) as claim_id,
        cast(ledger_rows.original_claim_id as string) as original_claim_id,
        cast(ledger_rows.person_id as string) as person_id,
        cast(ledger_rows.frequency_code as string) as frequency_code,
        cast(ledger_rows.claim_type as string) as claim_type,
        cast(ledger_rows.bill_type_code as string) as bill_type_code,
        cast(ledger_rows.claim_status as string) as claim_status,
        cast(ledger_rows.discharge_status_code as string) as discharge_status_code,
        cast(ledger_rows.drg_code as string) as drg_code,
        cast(ledger_rows.revenue_code as string) as revenue_code,
        cast(ledger_rows.hcpcs_code as string) as hcpcs_code,
        cast(ledger_rows.modifier_code_1 as string) as modifier_code_1,
        cast(ledger_rows.modifier_code_2 as string) as modifier_code_2,
        cast(ledger_rows.modifier_code_3 as string) as modifier_code_3,
        cast(ledger_rows.modifier_code_4 as string) as modifier_code_4,
        cast(ledger_rows.place_of_service_code as string) as place_of_service_code,
        cast(ledger_rows.diagnosis_code_1 as string) as diagnosis_code_1,
        cast(ledger_rows.diagnosis_code_2 as string) as diagnosis_code_2,
        cast(ledger_rows.diagnosis_code_3 as string) as diagnosis_code_3,
        cast(ledger_rows.diagnosis_code_4 as string) as diagnosis_code_4,
        cast(ledger_rows.diagnosis_code_5 as string) as diagnosis_code_5,
        cast(ledger_rows.diagnosis_code_6 as string) as diagnosis_code_6,
        cast(ledger_rows.diagnosis_code_7 as string) as diagnosis_code_7,
        cast(ledger_rows.diagnosis_code_8 as string) as diagnosis_code_8,
        cast(ledger_rows.diagnosis_code_9 as string) as diagnosis_code_9,
        cast(ledger_rows.diagnosis_code_10 as string) as diagnosis_code_10,
        cast(ledger_rows.diagnosis_code_11 as string) as diagnosis_code_11,
        cast(ledger_rows.diagnosis_code_12 as string) as diagnosis_code_12,
        cast(ledger_rows.diagnosis_code_13 as string) as diagnosis_code_13,
        cast(ledger_rows.diagnosis_code_14 as string) as diagnosis_code_14,
        cast(ledger_rows.diagnosis_code_15 as string) as diagnosis_code_15,
        cast(ledger_rows.diagnosis_code_16 as string) as diagnosis_code_16,
        cast(ledger_rows.diagnosis_code_17 as string) as diagnosis_code_17,
        cast(ledger_rows.diagnosis_code_18 as string) as diagnosis_code_18,
        cast(ledger_rows.diagnosis_code_19 as string) as diagnosis_code_19,
        cast(ledger_rows.diagnosis_code_20 as string) as diagnosis_code_20,
        cast(ledger_rows.diagnosis_code_21 as string) as diagnosis_code_21,
        cast(ledger_rows.diagnosis_code_22 as string) as diagnosis_code_22,
        cast(ledger_rows.diagnosis_code_23 as string) as diagnosis_code_23,
        cast(ledger_rows.diagnosis_code_24 as string) as diagnosis_code_24,
        cast(ledger_rows.diagnosis_code_25 as string) as diagnosis_code_25,
        cast(ledger_rows.procedure_code_1 as string) as procedure_code_1,
        cast(ledger_rows.procedure_code_2 as string) as procedure_code_2,
        cast(ledger_rows.procedure_code_3 as string) as procedure_code_3,
        cast(ledger_rows.procedure_code_4 as string) as procedure_code_4,
        cast(ledger_rows.procedure_code_5 as string) as procedure_code_5,
        cast(ledger_rows.procedure_code_6 as string) as procedure_code_6,
        cast(ledger_rows.billing_tin as string) as billing_tin,
        cast(ledger_rows.billing_npi as string) as billing_npi,
        cast(ledger_rows.rendering_npi as string) as rendering_npi,
        cast(ledger_rows.facility_npi as string) as facility_npi,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(ledger_rows.line_number as int) as line_number,
        cast(ledger_rows.version_sequence as int) as version_sequence,
        cast(ledger_rows.units as decimal(18, 3)) as units,
        cast(ledger_rows.billed_amount as decimal(18, 2)) as billed_amount,
        cast(ledger_rows.allowed_amount as decimal(18, 2)) as allowed_amount,
        cast(ledger_rows.paid_amount as decimal(18, 2)) as paid_amount,
        cast(ledger_rows.member_liability_amount as decimal(18, 2)) as member_liability_amount,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.from_date as date) as from_date,
        cast(ledger_rows.thru_date as date) as thru_date,
        cast(ledger_rows.admission_date as date) as admission_date,
        cast(ledger_rows.discharge_date as date) as discharge_date,
        cast(ledger_rows.received_date as date) as received_date,
        cast(ledger_rows.paid_date as date) as paid_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
