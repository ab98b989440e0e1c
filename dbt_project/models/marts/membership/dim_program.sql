-- What a program is and with whom it is compared: its newest selected terms.

with

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

run as (

    select * from {{ ref('stg_ledger__run') }}

),

final as (

    select
        cast(program_terms.program_id as string) as program_id,
        cast(program_terms.program_name as string) as program_name,
        cast(program_terms.payer as string) as payer,
        cast(
            replace(
                substring(program_terms.partners, 2, length(program_terms.partners) - 2), ',', ', '
            ) as string
        ) as partner_ids,
        cast(program_terms.bonus_label as string) as bonus_label,
        cast(program_terms.market_area_id as string) as market_area_id,
        cast(program_terms.market_state as string) as market_state,
        cast(
            replace(
                substring(program_terms.products, 2, length(program_terms.products) - 2), ',', ', '
            ) as string
        ) as products,
        cast(program_terms.member_month_rule as string) as member_month_rule,
        cast(program_terms.plurality_metric as string) as plurality_metric,
        cast(program_terms.roster_basis as string) as roster_basis,
        cast(program_terms.credit_follows as string) as credit_follows,
        cast(run.claims_through_period as string) as claims_through_period,
        cast(program_terms.expected_members as int) as expected_members,
        cast(program_terms.expected_clinicians as int) as expected_clinicians,
        cast(program_terms.lookback_months as int) as lookback_months,
        cast(program_terms.outcome_lag_months as int) as outcome_lag_months,
        cast(program_terms.truncation_amount as decimal(18, 2)) as truncation_amount,
        cast(program_terms.effective_date as date) as effective_date,
        cast(program_terms.baseline_start_date as date) as baseline_start_date,
        cast(program_terms.baseline_end_date as date) as baseline_end_date,
        cast(program_terms.performance_start_date as date) as performance_start_date,
        cast(program_terms.performance_end_date as date) as performance_end_date
    from program_terms
    cross join run

)

select * from final
