with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('payer_gap_report') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.source_id as string) as source_id,
        cast(ledger_rows.person_id as string) as person_id,
        cast(ledger_rows.gap_code as string) as gap_code,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.report_date as date) as report_date,
        cast(ledger_rows.due_date as date) as due_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
