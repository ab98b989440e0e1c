-- A program's own baseline and performance period (DESIGN section 5: never "the calendar year"),
-- and where its benchmark weights several base years (METHODS I.2) the years before the baseline.

with

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

numbers as (

    {{ numbers_below_1000() }}

),

periods as (

    select
        program_terms.program_id,
        concat('baseline_', cast(numbers.number + 1 as string)) as period_role,
        {{ date_plus_months('program_terms.baseline_start_date', '(-12 * numbers.number)') }}
            as period_start_date,
        {{ date_plus_days(
            date_plus_months('program_terms.baseline_start_date', '(12 - 12 * numbers.number)'), -1
        ) }} as period_end_date
    from program_terms
    inner join numbers
        on numbers.number >= 1 and numbers.number < program_terms.base_years
    union all
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
