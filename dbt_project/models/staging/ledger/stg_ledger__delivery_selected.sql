{{ config(materialized="table") }}

-- A table though in staging: the engine plans every scan of claims by the size of this list, and
-- a filtered view would make it guess.

with

deliveries as (

    select * from {{ ref('stg_ledger__delivery') }}

),

selected as (

    select
        cast(delivery_id as string) as delivery_id,
        cast(feed as string) as feed,
        cast(delivery_order as bigint) as delivery_order,
        cast(delivered_on as date) as delivered_on
    from deliveries
    where is_selected

)

select * from selected
