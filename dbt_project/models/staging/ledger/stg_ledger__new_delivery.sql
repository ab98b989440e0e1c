{{ config(materialized="table") }}

-- A table though in staging: the engine finds the files of these few among all by their ids.

with

new_deliveries as (

    select * from {{ run_input('new_delivery') }}

),

final as (

    select cast(delivery_id as string) as delivery_id from new_deliveries

)

select * from final
