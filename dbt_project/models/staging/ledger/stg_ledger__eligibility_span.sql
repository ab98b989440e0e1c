with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('eligibility') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.person_id as string) as person_id,
        cast(ledger_rows.product as string) as product,
        cast(ledger_rows.coverage_type as string) as coverage_type,
        cast(ledger_rows.employer_group as string) as employer_group,
        cast(ledger_rows.zip_code as string) as zip_code,
        cast(ledger_rows.state as string) as state,
        cast(ledger_rows.sex as string) as sex,
        cast(ledger_rows.selected_pcp_npi as string) as selected_pcp_npi,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.coverage_start_date as date) as coverage_start_date,
        cast(ledger_rows.coverage_end_date as date) as coverage_end_date,
        cast(ledger_rows.birth_date as date) as birth_date,
        cast(ledger_rows.death_date as date) as death_date,
        cast(ledger_rows.selected_pcp_date as date) as selected_pcp_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
