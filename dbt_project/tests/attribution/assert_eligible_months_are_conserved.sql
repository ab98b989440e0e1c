-- METHODS T: members of programs + attributed elsewhere + unattributed = eligible member months,
-- month by month; nobody is lost or counted twice.
{{ config(meta={'dagster': {'ref': {'name': 'int_attribution_decided'}}}) }}

with

attributed as (

    select
        snapshot_number,
        sum(case when step in (4, 5, 6, 7) then 1 else 0 end) as placed,
        sum(case when step = 8 then 1 else 0 end) as unattributed,
        sum(case when step = 3 then 1 else 0 end) as too_few_months
    from {{ ref('int_attribution_decided') }}
    group by snapshot_number

),

member_months as (

    select
        month_number,
        count(*) as eligible
    from {{ ref('int_member_month_counted') }}
    where is_medical and is_program_product
    group by month_number

),

snapshots as (

    select distinct snapshot_number from {{ ref('int_attribution_snapshot') }}

)

select
    snapshots.snapshot_number,
    attributed.placed,
    attributed.unattributed,
    member_months.eligible
from snapshots
left join attributed on snapshots.snapshot_number = attributed.snapshot_number
left join member_months on snapshots.snapshot_number = member_months.month_number
where
    coalesce(attributed.placed + attributed.unattributed + attributed.too_few_months, 0)
    <> coalesce(member_months.eligible, 0)
