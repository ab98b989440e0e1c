-- The distinct periods that programs are measured in: programs with equal periods share them.

with

program_periods as (

    select * from {{ ref('int_program_period') }}

),

final as (

    select distinct
        cast(period_id as string) as period_id,
        cast(period_start_date as date) as period_start_date,
        cast(period_end_date as date) as period_end_date
    from program_periods

)

select * from final
