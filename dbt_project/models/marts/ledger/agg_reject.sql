-- What was refused of each delivery, by column and reason. One row of a file may be refused for
-- several reasons; fct_delivery counts it once.

with

rejects as (

    select * from {{ ref('fct_reject') }}

),

final as (

    select
        cast(delivery_id as string) as delivery_id,
        cast(source_id as string) as source_id,
        cast(feed as string) as feed,
        cast(period as string) as period,
        cast(column_name as string) as column_name,
        cast(reason as string) as reason,
        cast(max(remedy) as string) as remedy,
        cast(count(distinct row_number) as bigint) as row_count,
        cast(min(row_number) as bigint) as first_row_number,
        cast(bool_or(is_selected) as boolean) as is_selected
    from rejects
    group by delivery_id, source_id, feed, period, column_name, reason

)

select * from final
