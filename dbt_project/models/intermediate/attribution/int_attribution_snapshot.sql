{{ config(pre_hook='{{ keep_previous() }}') }}

-- METHODS B.3: attribution date D is the last day of a month, the look-back is
-- [D - lookback_months + 1 day, D]. Snapshots run from outcome_lag_months before the first
-- baseline month, whose outcomes they own, to the last performance month with claims.

with

months as (

    select * from {{ ref('int_month') }}

),

rules as (

    select * from {{ ref('int_payer_rule') }}

),

windows as (

    select
        rules.payer_key,
        months.month_number,
        months.month_end_date,
        {{ lookback_start('months.month_end_date', 'rules.lookback_months') }}
            as window_start_date,
        {{ lookback_start('months.month_end_date', 12) }} as recent_start_date,
        case rules.plurality_metric when 'visits' then 1 when 'weighted' then 2 else 0 end
            as points_of_recent_visit,
        case rules.plurality_metric when 'visits' then 1 when 'weighted' then 1 else 0 end
            as points_of_earlier_visit,
        case rules.plurality_metric when 'allowed' then 1 else 0 end as points_of_cent,
        rules.plurality_metric = 'weighted' as is_recency_weighted,
        rules.roster_basis = 'service_date' as is_credited_at_service,
        rules.plurality_scope = 'program_only' as is_program_only
    from rules
    inner join months
        on
            months.month_start_date
            >= {{ date_plus_months(
                first_of_month('rules.first_baseline_start_date'),
                '-(rules.outcome_lag_months)'
            ) }}
            and months.month_start_date <= rules.last_performance_end_date

),

final as (

    select
        cast(payer_key as int) as payer_key,
        cast(month_number as int) as snapshot_number,
        cast(points_of_recent_visit as bigint) as points_of_recent_visit,
        cast(points_of_earlier_visit as bigint) as points_of_earlier_visit,
        cast(points_of_cent as bigint) as points_of_cent,
        cast(is_recency_weighted as boolean) as is_recency_weighted,
        cast(is_credited_at_service as boolean) as is_credited_at_service,
        cast(is_program_only as boolean) as is_program_only,
        cast(month_end_date as date) as snapshot_date,
        cast(window_start_date as date) as window_start_date,
        cast(recent_start_date as date) as recent_start_date
    from windows

)

select * from final
