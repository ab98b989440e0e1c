{{ config(materialized=light_materialization()) }}

-- METHODS C.1 and G.3: the conditions known on the day before each measured period starts.

with

registry as (

    select * from {{ ref('int_condition_registry') }}

),

final as (

    select
        person_key,
        cast(condition as string) as condition,
        cast(as_of_date as date) as as_of_date,
        cast(onset_date as date) as onset_date,
        cast(qualify_date as date) as qualify_date
    from registry
    where basis = 'before_period' and is_active

)

select * from final
