with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('program_terms') }}

),

-- Terms are effective-dated by the day they were agreed on: a program's newest selected version.
latest as (

    select
        ledger_rows.*,
        deliveries.delivery_order,
        deliveries.delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id
    qualify row_number() over (
        partition by ledger_rows.program_id
        order by deliveries.delivery_order desc, ledger_rows.row_number desc
    ) = 1

),

counted as (

    select
        *,
        {{ count_of_last_list('terms_json', 'base_weights') }} as base_years
    from latest

),

typed as (

    select
        cast(program_id as string) as program_id,
        cast(payer as string) as payer,
        cast(program_name as string) as program_name,
        cast(bonus_label as string) as bonus_label,
        cast(market_area_id as string) as market_area_id,
        cast(market_state as string) as market_state,
        cast(market_zip3 as string) as market_zip3,
        cast(products as string) as products,
        cast(partners as string) as partners,
        cast(care_guide_conditions as string) as care_guide_conditions,
        cast(plurality_metric as string) as plurality_metric,
        cast(plurality_scope as string) as plurality_scope,
        cast(roster_basis as string) as roster_basis,
        cast(credit_follows as string) as credit_follows,
        cast(np_pa_rule as string) as np_pa_rule,
        cast(attribution_pos_exclude as string) as attribution_pos_exclude,
        cast(member_month_rule as string) as member_month_rule,
        cast(adjustment_suffix_regex as string) as adjustment_suffix_regex,
        cast(terms_json as string) as terms_json,
        cast(source_id as string) as source_id,
        cast(delivery_id as string) as delivery_id,
        cast(expected_members as int) as expected_members,
        cast(expected_clinicians as int) as expected_clinicians,
        cast(lookback_months as int) as lookback_months,
        cast(min_member_months as int) as min_member_months,
        cast(outcome_min_member_months as int) as outcome_min_member_months,
        cast(rx_min_fills as int) as rx_min_fills,
        cast(switch_margin as int) as switch_margin,
        cast(grace_months as int) as grace_months,
        cast(outcome_lag_months as int) as outcome_lag_months,
        cast(base_years as int) as base_years,
        cast(truncation_amount as decimal(18, 2)) as truncation_amount,
        cast(delivery_order as bigint) as delivery_order,
        cast(row_number as bigint) as row_number,
        cast(selection_binding as boolean) as selection_binding,
        cast(rx_fallback as boolean) as rx_fallback,
        cast(obgyn_as_pcp as boolean) as obgyn_as_pcp,
        cast(attribution_include_99211 as boolean) as attribution_include_99211,
        cast(incumbent_wins_tie as boolean) as incumbent_wins_tie,
        cast(include_rx as boolean) as include_rx,
        cast(ed_include_0456 as boolean) as ed_include_0456,
        cast(ed_one_per_day as boolean) as ed_one_per_day,
        cast(ed_obs_counts as boolean) as ed_obs_counts,
        cast(pos23_only_creates_visit as boolean) as pos23_only_creates_visit,
        cast(effective_date as date) as effective_date,
        cast({{ date_plus_months('cast(baseline_start_date as date)', '(12 - 12 * base_years)') }} as date)
            as first_base_start_date,
        cast(baseline_start_date as date) as baseline_start_date,
        cast(baseline_end_date as date) as baseline_end_date,
        cast(performance_start_date as date) as performance_start_date,
        cast(performance_end_date as date) as performance_end_date,
        cast(delivered_on as date) as delivered_on
    from counted

)

select * from typed
