-- METHODS B.3 step 1: the clinician a member had chosen by the end of a month. Of two selections
-- the latest effective date wins, then the smallest NPI.

with

versions as (

    select * from {{ ref('int_coverage_version') }}

),

months as (

    select * from {{ ref('int_month') }}

),

selections as (

    select
        versions.person_key,
        months.month_number,
        versions.selected_pcp_npi,
        coalesce(versions.selected_pcp_date, versions.coverage_start_date) as selected_pcp_date
    from versions
    inner join months
        on
            versions.coverage_start_date <= months.month_end_date
            and versions.coverage_end_date >= months.month_start_date
            and coalesce(versions.selected_pcp_date, versions.coverage_start_date)
            <= months.month_end_date
    where versions.selected_pcp_npi is not null
    qualify row_number() over (
        partition by versions.person_key, months.month_number
        order by
            coalesce(versions.selected_pcp_date, versions.coverage_start_date) desc,
            versions.selected_pcp_npi
    ) = 1

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(month_number as int) as month_number,
        cast(selected_pcp_npi as bigint) as selected_pcp_npi,
        cast(selected_pcp_date as date) as selected_pcp_date
    from selections

)

select * from final
