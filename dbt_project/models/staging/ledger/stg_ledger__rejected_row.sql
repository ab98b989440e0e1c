with

rejected_rows as (

    select * from {{ run_input('rejected_row') }}

),

final as (

    select
        cast(delivery_id as string) as delivery_id,
        cast(column_name as string) as column_name,
        cast(reason as string) as reason,
        cast(remedy as string) as remedy,
        cast(row_number as bigint) as row_number
    from rejected_rows

)

select * from final
