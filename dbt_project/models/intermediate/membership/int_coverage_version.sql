{{ config(pre_hook='{{ keep_previous() }}') }}

-- METHODS A.7 steps 1, 2 and 6: of every span (person, product, coverage type, start) the version
-- delivered last; cancelled spans (end before start) dropped; death truncates.

with

eligibility_spans as (

    select * from {{ ref('stg_ledger__eligibility_span') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

market_areas as (

    select * from {{ ref('int_market_area') }}

),

rules as (

    select * from {{ ref('int_payer_rule') }}

),

latest as (

    select *
    from eligibility_spans
    qualify row_number() over (
        partition by payer, person_id, product, coverage_type, coverage_start_date
        order by delivery_order desc, row_number desc
    ) = 1

),

truncated as (

    select
        persons.person_key,
        persons.payer_key,
        latest.payer,
        latest.product,
        latest.employer_group,
        latest.state,
        coalesce(substring(latest.zip_code, 1, 3), '') as zip3,
        latest.coverage_type in ('medical', 'medical_rx') as is_medical,
        latest.coverage_type in ('rx', 'medical_rx') as is_rx,
        cast(latest.selected_pcp_npi as bigint) as selected_pcp_npi,
        latest.selected_pcp_date,
        latest.coverage_start_date,
        least(latest.coverage_end_date, coalesce(persons.death_date, latest.coverage_end_date))
            as coverage_end_date,
        latest.delivery_order,
        latest.row_number
    from latest
    inner join persons
        on latest.payer = persons.payer and latest.person_id = persons.person_id

),

placed as (

    select
        truncated.*,
        market_areas.market_area_id,
        coalesce(rules.products like concat('%,', truncated.product, ',%'), false)
            as is_program_product,
        -- Where several versions cover a day, the one that started last governs: numbers follow
        -- start (17 bits), delivery (20) and row (26), and stay when others come.
        (
            least(
                {{ whole_days_between("date '1900-01-01'", 'truncated.coverage_start_date') }},
                131071
            )
            * cast(1048576 as bigint)
            + truncated.delivery_order
        ) * cast(67108864 as bigint)
        + truncated.row_number as version_number
    from truncated
    left join market_areas
        on
            truncated.payer = market_areas.payer
            and truncated.state = market_areas.state
            and truncated.zip3 = market_areas.zip3
    left join rules on truncated.payer_key = rules.payer_key
    where truncated.coverage_start_date <= truncated.coverage_end_date

),

final as (

    select
        cast(version_number as bigint) as version_number,
        cast(person_key as int) as person_key,
        cast(payer_key as int) as payer_key,
        cast(selected_pcp_npi as bigint) as selected_pcp_npi,
        cast(product as string) as product,
        cast(employer_group as string) as employer_group,
        cast(state as string) as state,
        cast(zip3 as string) as zip3,
        cast(market_area_id as string) as market_area_id,
        cast(is_medical as boolean) as is_medical,
        cast(is_rx as boolean) as is_rx,
        cast(is_program_product as boolean) as is_program_product,
        cast(selected_pcp_date as date) as selected_pcp_date,
        cast(coverage_start_date as date) as coverage_start_date,
        cast(coverage_end_date as date) as coverage_end_date
    from placed

)

select * from final
