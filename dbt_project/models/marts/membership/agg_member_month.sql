-- Member months (METHODS A.7) by market and product: the whole that programs, other groups and
-- the unattributed are parts of. Medical coverage, from the year before the first baseline on.

with

counted_months as (

    select * from {{ ref('int_member_month_counted') }}

),

versions as (

    select * from {{ ref('int_coverage_version') }}

),

persons as (

    select distinct payer_key, payer from {{ ref('int_person') }}

),

months as (

    select * from {{ ref('int_month') }}

),

added_up as (

    select
        months.month_start_date,
        persons.payer,
        coalesce(versions.market_area_id, 'outside_markets') as market_area_id,
        versions.product,
        count(*) as members,
        sum(case when counted_months.is_rx then 1 else 0 end) as members_with_rx,
        sum(counted_months.member_month_count) as member_months
    from counted_months
    inner join versions on counted_months.version_number = versions.version_number
    inner join persons on counted_months.payer_key = persons.payer_key
    inner join months on counted_months.month_number = months.month_number
    where counted_months.is_medical
    group by
        months.month_start_date,
        persons.payer,
        coalesce(versions.market_area_id, 'outside_markets'),
        versions.product

),

final as (

    select
        cast(month_start_date as date) as month_start_date,
        cast(payer as string) as payer,
        cast(market_area_id as string) as market_area_id,
        cast(product as string) as product,
        cast(members as bigint) as members,
        cast(members_with_rx as bigint) as members_with_rx,
        cast(member_months as decimal(18, 6)) as member_months
    from added_up

)

select * from final
