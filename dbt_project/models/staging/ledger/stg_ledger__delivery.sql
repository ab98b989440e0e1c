with

deliveries as (

    select * from {{ run_input('delivery') }}

),

ordered as (

    select
        cast(delivery_id as string) as delivery_id,
        cast(source_id as string) as source_id,
        cast(payer as string) as payer,
        cast(feed as string) as feed,
        cast(period as string) as period,
        cast(part as string) as part,
        cast(file_name as string) as file_name,
        cast(sha256 as string) as sha256,
        cast(status as string) as status,
        cast(reason as string) as reason,
        cast(mode as string) as mode,
        cast(version as int) as version,
        -- The same bytes from two senders share a rank; the id makes the order total.
        cast(
            row_number() over (partition by feed order by delivery_order, delivery_id) as bigint
        ) as delivery_order,
        cast(row_count as bigint) as row_count,
        cast(loaded_count as bigint) as loaded_count,
        cast(rejected_count as bigint) as rejected_count,
        cast(duplicate_count as bigint) as duplicate_count,
        cast(is_selected as boolean) as is_selected,
        cast(delivered_on as date) as delivered_on
    from deliveries

)

select * from ordered
