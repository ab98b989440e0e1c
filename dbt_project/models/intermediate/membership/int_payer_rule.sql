-- Rules on which programs of one payer compete are one set per payer: two programs could not
-- share a member otherwise. Intake refuses unequal terms; assert_programs_of_a_payer_share_rules
-- holds it here.

with

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

payers as (

    select distinct payer, payer_key from {{ ref('int_person') }}

),

shared as (

    select
        payer,
        min(products) as products,
        min(plurality_metric) as plurality_metric,
        min(plurality_scope) as plurality_scope,
        min(roster_basis) as roster_basis,
        min(credit_follows) as credit_follows,
        min(np_pa_rule) as np_pa_rule,
        min(member_month_rule) as member_month_rule,
        min(lookback_months) as lookback_months,
        min(min_member_months) as min_member_months,
        min(outcome_min_member_months) as outcome_min_member_months,
        min(outcome_lag_months) as outcome_lag_months,
        min(rx_min_fills) as rx_min_fills,
        bool_and(selection_binding) as is_selection_binding,
        bool_and(rx_fallback) as is_rx_fallback,
        min(first_base_start_date) as first_baseline_start_date,
        max(performance_end_date) as last_performance_end_date
    from program_terms
    group by payer

),

final as (

    select
        cast(payers.payer_key as int) as payer_key,
        cast(shared.payer as string) as payer,
        cast(shared.products as string) as products,
        cast(shared.plurality_metric as string) as plurality_metric,
        cast(shared.plurality_scope as string) as plurality_scope,
        cast(shared.roster_basis as string) as roster_basis,
        cast(shared.credit_follows as string) as credit_follows,
        cast(shared.np_pa_rule as string) as np_pa_rule,
        cast(shared.member_month_rule as string) as member_month_rule,
        cast(shared.lookback_months as int) as lookback_months,
        cast(shared.min_member_months as int) as min_member_months,
        cast(shared.outcome_min_member_months as int) as outcome_min_member_months,
        cast(shared.outcome_lag_months as int) as outcome_lag_months,
        cast(shared.rx_min_fills as int) as rx_min_fills,
        cast(shared.is_selection_binding as boolean) as is_selection_binding,
        cast(shared.is_rx_fallback as boolean) as is_rx_fallback,
        cast(shared.first_baseline_start_date as date) as first_baseline_start_date,
        cast(shared.last_performance_end_date as date) as last_performance_end_date
    from shared
    inner join payers on shared.payer = payers.payer

)

select * from final
