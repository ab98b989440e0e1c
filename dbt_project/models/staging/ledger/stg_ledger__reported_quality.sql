with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('reported_quality') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.source_id as string) as source_id,
        cast(ledger_rows.program_id as string) as program_id,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(ledger_rows.quality_score as decimal(7, 4)) as quality_score,
        cast(ledger_rows.weight_scored as decimal(7, 4)) as weight_scored,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.period_start_date as date) as period_start_date,
        cast(ledger_rows.period_end_date as date) as period_end_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
