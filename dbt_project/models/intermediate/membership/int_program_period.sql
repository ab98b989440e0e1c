-- A program's own baseline and performance period (DESIGN section 5: never "the calendar year").

with

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

periods as (

    select
        program_id,
        'baseline' as period_role,
        baseline_start_date as period_start_date,
        baseline_end_date as period_end_date
    from program_terms
    union all
    select
        program_id,
        'performance' as period_role,
        performance_start_date as period_start_date,
        performance_end_date as period_end_date
    from program_terms

),

final as (

    select
        cast(program_id as string) as program_id,
        cast(period_role as string) as period_role,
        cast(
            concat(
                cast(period_start_date as string), '_', cast(period_end_date as string)
            ) as string
        ) as period_id,
        cast(period_start_date as date) as period_start_date,
        cast(period_end_date as date) as period_end_date
    from periods

)

select * from final
