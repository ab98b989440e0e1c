with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('practice_profile') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.source_id as string) as source_id,
        cast(ledger_rows.practice_id as string) as practice_id,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(ledger_rows.weekday_hours as decimal(4, 2)) as weekday_hours,
        cast(ledger_rows.weekend_hours as decimal(4, 2)) as weekend_hours,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.extended_hours = 'yes' as boolean) as has_extended_hours,
        cast(ledger_rows.weekend_telephone = 'yes' as boolean) as has_weekend_telephone,
        cast(ledger_rows.weekend_acute_care = 'yes' as boolean) as has_weekend_acute_care,
        cast(ledger_rows.profile_start_date as date) as profile_start_date,
        cast(ledger_rows.profile_end_date as date) as profile_end_date,
        cast(ledger_rows.ehr_since_date as date) as ehr_since_date,
        cast(ledger_rows.e_prescribing_since_date as date) as e_prescribing_since_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
