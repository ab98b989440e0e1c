with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('provider_roster') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.source_id as string) as source_id,
        cast(ledger_rows.npi as string) as npi,
        cast(ledger_rows.tin as string) as tin,
        cast(ledger_rows.program_id as string) as program_id,
        cast(ledger_rows.partner_id as string) as partner_id,
        cast(ledger_rows.practice_id as string) as practice_id,
        cast(ledger_rows.practice_name as string) as practice_name,
        cast(ledger_rows.role as string) as role,
        cast(ledger_rows.specialty_code as string) as specialty_code,
        cast(ledger_rows.taxonomy_code as string) as taxonomy_code,
        cast(ledger_rows.panel_status as string) as panel_status,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.roster_start_date as date) as roster_start_date,
        cast(ledger_rows.roster_end_date as date) as roster_end_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
