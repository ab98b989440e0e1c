with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('patient_experience') }}

),

selected as (

    select
        cast(ledger_rows.payer as string) as payer,
        cast(ledger_rows.source_id as string) as source_id,
        cast(ledger_rows.survey_id as string) as survey_id,
        cast(ledger_rows.practice_id as string) as practice_id,
        cast(ledger_rows.delivery_id as string) as delivery_id,
        cast(ledger_rows.respondents as int) as respondents,
        cast(ledger_rows.access_score as decimal(5, 4)) as access_score,
        cast(ledger_rows.communication_score as decimal(5, 4)) as communication_score,
        cast(ledger_rows.coordination_score as decimal(5, 4)) as coordination_score,
        cast(ledger_rows.overall_score as decimal(5, 4)) as overall_score,
        cast(deliveries.delivery_order as bigint) as delivery_order,
        cast(ledger_rows.row_number as bigint) as row_number,
        cast(ledger_rows.survey_date as date) as survey_date,
        cast(deliveries.delivered_on as date) as delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id

)

select * from selected
