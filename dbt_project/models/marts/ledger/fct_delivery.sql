-- DESIGN 6: what every sender delivered, and what became of it. File names are left out: a sender
-- may write anything into them.

with

deliveries as (

    select * from {{ ref('stg_ledger__delivery') }}

),

-- A loaded version restates the loaded one before it of the same place; a snapshot, the month before.
loaded_versions as (

    select
        delivery_id,
        lag(delivery_id) over (
            partition by
                feed,
                source_id,
                case when mode = 'snapshot' then '' else period end,
                case when mode = 'snapshot' then '' else part end
            order by delivery_order
        ) as restated_delivery_id
    from deliveries
    where status = 'loaded'

),

final as (

    select
        cast(deliveries.delivery_id as string) as delivery_id,
        cast(deliveries.source_id as string) as source_id,
        cast(deliveries.payer as string) as payer,
        cast(deliveries.feed as string) as feed,
        cast(deliveries.mode as string) as mode,
        cast(deliveries.period as string) as period,
        cast(deliveries.part as string) as part,
        cast(deliveries.status as string) as status,
        cast(deliveries.reason as string) as reason,
        cast(loaded_versions.restated_delivery_id as string) as restated_delivery_id,
        cast(deliveries.version as int) as version,
        cast(deliveries.row_count as bigint) as row_count,
        cast(deliveries.loaded_count as bigint) as loaded_count,
        cast(deliveries.rejected_count as bigint) as rejected_count,
        cast(deliveries.duplicate_count as bigint) as duplicate_count,
        cast(deliveries.is_selected as boolean) as is_selected,
        cast(deliveries.delivered_on as date) as delivered_on
    from deliveries
    left join loaded_versions on deliveries.delivery_id = loaded_versions.delivery_id

)

select * from final
