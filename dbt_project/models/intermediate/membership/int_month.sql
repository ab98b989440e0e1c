{{ config(pre_hook='{{ keep_previous() }}') }}

-- The months this warehouse speaks of: from one year before the earliest baseline (months known
-- before the period, METHODS B.3 and H.3) to the last month of claims.

with

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

run as (

    select * from {{ ref('stg_ledger__run') }}

),

bounds as (

    select
        {{ first_of_month(date_plus_months('min(program_terms.first_base_start_date)', -12)) }}
            as first_month_start_date,
        -- Without a claim there is no paid month; the month before as_of is the last whole one.
        max(coalesce(
            cast(concat(run.claims_through_period, '-01') as date),
            {{ first_of_month(date_plus_months('run.as_of', -1)) }}
        )) as last_month_start_date
    from program_terms
    cross join run

),

numbers as (

    {{ numbers_below_1000() }}

),

months as (

    select {{ date_plus_months('bounds.first_month_start_date', 'numbers.number') }}
        as month_start_date,
        bounds.last_month_start_date
    from bounds
    cross join numbers

),

final as (

    select
        {{ month_number('month_start_date') }} as month_number,
        cast(day({{ end_of_month('month_start_date') }}) as int) as days_in_month,
        cast(month_start_date as date) as month_start_date,
        {{ end_of_month('month_start_date') }} as month_end_date
    from months
    where month_start_date <= last_month_start_date

)

select * from final
