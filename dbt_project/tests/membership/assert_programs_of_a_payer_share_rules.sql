-- Two programs of one payer could not share a member under unequal rules: every rule on which they
-- compete is equal over the payer's programs (int_payer_rule takes any of them).
select payer
from {{ ref('stg_ledger__program_terms') }}
group by payer
having
    count(distinct products) > 1
    or count(distinct plurality_metric) > 1
    or count(distinct plurality_scope) > 1
    or count(distinct roster_basis) > 1
    or count(distinct credit_follows) > 1
    or count(distinct np_pa_rule) > 1
    or count(distinct member_month_rule) > 1
    or count(distinct lookback_months) > 1
    or count(distinct min_member_months) > 1
    or count(distinct outcome_lag_months) > 1
    or count(distinct rx_min_fills) > 1
    or count(distinct selection_binding) > 1
    or count(distinct rx_fallback) > 1
