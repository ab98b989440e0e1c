with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('member_contact') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.source_id as string) as source_id,
        cast(ledger_rows.person_id as string) as person_id,
        cast(ledger_rows.last_name as string) as last_name,
        cast(ledger_rows.first_name as string) as first_name,
        cast(ledger_rows.phone_number as string) as phone_number,
        cast(ledger_rows.phone_type as string) as phone_type,
        cast(ledger_rows.language_code as string) as language_code,
        cast(ledger_rows.preferred_contact as string) as preferred_contact,
        cast(ledger_rows.opt_out_source as string) as opt_out_source,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.opt_out_date as date) as opt_out_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
