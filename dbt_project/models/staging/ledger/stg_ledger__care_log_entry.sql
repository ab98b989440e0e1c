with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('care_log') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.source_id as string) as source_id,
        cast(ledger_rows.care_log_id as string) as care_log_id,
        cast(ledger_rows.person_id as string) as person_id,
        cast(ledger_rows.coordinator_id as string) as coordinator_id,
        cast(ledger_rows.gap_code as string) as gap_code,
        cast(ledger_rows.care_guide as string) as care_guide,
        cast(ledger_rows.support_program as string) as support_program,
        cast(ledger_rows.coordinator_role as string) as coordinator_role,
        cast(ledger_rows.activity as string) as activity,
        cast(ledger_rows.contact_channel as string) as contact_channel,
        cast(ledger_rows.outcome as string) as outcome,
        cast(ledger_rows.task as string) as task,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.activity_date as date) as activity_date,
        cast(ledger_rows.appointment_date as date) as appointment_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
