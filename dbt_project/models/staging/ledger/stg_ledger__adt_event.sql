with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('adt_events') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.source_id as string) as source_id,
        cast(ledger_rows.message_id as string) as message_id,
        cast(ledger_rows.facility_code as string) as facility_code,
        cast(ledger_rows.facility_npi as string) as facility_npi,
        cast(ledger_rows.visit_number as string) as visit_number,
        cast(ledger_rows.medical_record_number as string) as medical_record_number,
        cast(ledger_rows.person_id as string) as person_id,
        cast(ledger_rows.attending_npi as string) as attending_npi,
        cast(ledger_rows.primary_care_npi as string) as primary_care_npi,
        cast(ledger_rows.prior_medical_record_number as string) as prior_medical_record_number,
        cast(ledger_rows.prior_visit_number as string) as prior_visit_number,
        cast(ledger_rows.event_type as string) as event_type,
        cast(ledger_rows.last_name as string) as last_name,
        cast(ledger_rows.first_name as string) as first_name,
        cast(ledger_rows.sex as string) as sex,
        cast(ledger_rows.patient_class as string) as patient_class,
        cast(ledger_rows.admission_type as string) as admission_type,
        cast(ledger_rows.admit_source_code as string) as admit_source_code,
        cast(ledger_rows.hospital_service as string) as hospital_service,
        cast(ledger_rows.location as string) as location,
        cast(ledger_rows.discharge_disposition_code as string) as discharge_disposition_code,
        cast(replace(ledger_rows.diagnosis_code, '.', '') as string) as diagnosis_code,
        cast(ledger_rows.diagnosis_text as string) as diagnosis_text,
        cast(ledger_rows.admit_reason as string) as admit_reason,
        cast(ledger_rows.primary_care_name as string) as primary_care_name,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.birth_date as date) as birth_date,
        cast(deliveries.delivered_on as date) as delivered_on,
        cast(ledger_rows.message_at as timestamp) as message_at,
        cast(ledger_rows.event_at as timestamp) as event_at,
        cast(ledger_rows.admitted_at as timestamp) as admitted_at,
        cast(ledger_rows.discharged_at as timestamp) as discharged_at,
        cast(ledger_rows.expected_discharge_at as timestamp) as expected_discharge_at
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
