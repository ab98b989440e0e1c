-- Which rows of which delivery were refused, without their values; `python -m orchestration rejects`
-- shows those on the machine that holds the ledger. A view: publication writes it once.

{{ config(materialized=light_materialization()) }}

with

rejected_rows as (

    select * from {{ ref('stg_ledger__rejected_row') }}

),

deliveries as (

    select * from {{ ref('stg_ledger__delivery') }}

),

final as (

    select
        cast(deliveries.delivery_id as string) as delivery_id,
        cast(deliveries.source_id as string) as source_id,
        cast(deliveries.feed as string) as feed,
        cast(deliveries.period as string) as period,
        cast(rejected_rows.column_name as string) as column_name,
        cast(rejected_rows.reason as string) as reason,
        cast(rejected_rows.remedy as string) as remedy,
        cast(rejected_rows.row_number as bigint) as row_number,
        cast(deliveries.is_selected as boolean) as is_selected
    from rejected_rows
    inner join deliveries on rejected_rows.delivery_id = deliveries.delivery_id

)

select * from final
