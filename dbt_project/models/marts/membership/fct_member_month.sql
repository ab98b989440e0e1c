-- Identified member months, named by the payer's own ids. A view: publication writes it once.

{{ config(materialized=light_materialization()) }}

with

member_months as (

    select * from {{ ref('int_member_month') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

final as (

    select
        cast(persons.payer as string) as payer,
        cast(persons.person_id as string) as person_id,
        cast(lpad(cast(member_months.selected_pcp_npi as string), 10, '0') as string)
            as selected_pcp_npi,
        cast(member_months.product as string) as product,
        cast(member_months.market_area_id as string) as market_area_id,
        cast(member_months.state as string) as state,
        cast(member_months.zip3 as string) as zip3,
        cast(member_months.employer_group as string) as employer_group,
        cast(member_months.covered_days as int) as covered_days,
        cast(member_months.member_month_count as decimal(9, 6)) as member_month_count,
        cast(member_months.is_medical as boolean) as is_medical,
        cast(member_months.is_rx as boolean) as is_rx,
        cast(member_months.month_start_date as date) as month_start_date,
        cast(member_months.selected_pcp_date as date) as selected_pcp_date
    from member_months
    inner join persons on member_months.person_key = persons.person_key

)

select * from final
