-- Member months (METHODS A.7) with what the governing coverage says of the member. A view: the
-- narrow count is stored once, and the words are looked up where a reader asks for them.

{{ config(materialized=light_materialization()) }}

with

counted_months as (

    select * from {{ ref('int_member_month_counted') }}

),

versions as (

    select * from {{ ref('int_coverage_version') }}

),

months as (

    select * from {{ ref('int_month') }}

),

selections as (

    select * from {{ ref('int_selected_clinician_month') }}

),

final as (

    select
        cast(counted_months.person_key as int) as person_key,
        cast(counted_months.month_number as int) as month_number,
        cast(selections.selected_pcp_npi as bigint) as selected_pcp_npi,
        cast(versions.product as string) as product,
        cast(versions.market_area_id as string) as market_area_id,
        cast(versions.state as string) as state,
        cast(versions.zip3 as string) as zip3,
        cast(versions.employer_group as string) as employer_group,
        cast(counted_months.covered_days as int) as covered_days,
        cast(counted_months.member_month_count as decimal(9, 6)) as member_month_count,
        cast(counted_months.is_medical as boolean) as is_medical,
        cast(counted_months.is_rx as boolean) as is_rx,
        cast(counted_months.is_program_product as boolean) as is_program_product,
        cast(months.month_start_date as date) as month_start_date,
        cast(selections.selected_pcp_date as date) as selected_pcp_date
    from counted_months
    inner join versions on counted_months.version_number = versions.version_number
    inner join months on counted_months.month_number = months.month_number
    left join selections
        on
            counted_months.person_key = selections.person_key
            and counted_months.month_number = selections.month_number

)

select * from final
