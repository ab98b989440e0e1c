-- The published tables agree: without not_eligible, the panels of a snapshot month hold the member
-- months of that month in the products that programs count.
{{ config(meta={'dagster': {'ref': {'name': 'agg_attribution'}}}) }}

with

panels as (

    select
        snapshot_date,
        sum(members) as members
    from {{ ref('agg_attribution') }}
    where reason not in ('NOT_COVERED', 'PRODUCT_EXCLUDED')
    group by snapshot_date

),

member_months as (

    select
        months.month_end_date as snapshot_date,
        sum(markets.members) as members
    from {{ ref('agg_member_month') }} as markets
    inner join {{ ref('int_month') }} as months
        on markets.month_start_date = months.month_start_date
    inner join {{ ref('int_payer_rule') }} as rules
        on
            markets.payer = rules.payer
            and rules.products like concat('%,', markets.product, ',%')
    group by months.month_end_date

)

select
    panels.snapshot_date,
    panels.members,
    member_months.members as member_months
from panels
left join member_months on panels.snapshot_date = member_months.snapshot_date
where panels.members <> coalesce(member_months.members, 0)
