with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('pharmacy_claims') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.pharmacy_claim_id as string) as pharmacy_claim_id,
        cast(ledger_rows.person_id as string) as person_id,
        cast(ledger_rows.ndc_code as string) as ndc_code,
        cast(ledger_rows.prescriber_npi as string) as prescriber_npi,
        cast(ledger_rows.pharmacy_npi as string) as pharmacy_npi,
        cast(ledger_rows.claim_status as string) as claim_status,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(ledger_rows.days_supply as int) as days_supply,
        cast(ledger_rows.quantity as decimal(18, 3)) as quantity,
        cast(ledger_rows.allowed_amount as decimal(18, 2)) as allowed_amount,
        cast(ledger_rows.paid_amount as decimal(18, 2)) as paid_amount,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.fill_date as date) as fill_date,
        cast(ledger_rows.paid_date as date) as paid_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
