-- A result corrected or cancelled comes again under its number: the newest delivery speaks. What
-- was cancelled is gone; a preliminary result was taken but has no value yet (METHODS D.0.4).

with

deliveries as (

    select
        delivery_id,
        delivery_order,
        delivered_on
    from {{ ref('stg_ledger__delivery_selected') }}

),

ledger_rows as (

    select * from {{ ledger_rows('clinical_results') }}

),

newest as (

    select
        ledger_rows.*,
        deliveries.delivery_order,
        deliveries.delivered_on
    from ledger_rows
    inner join deliveries on ledger_rows.delivery_id = deliveries.delivery_id
    qualify row_number() over (
        partition by ledger_rows.source_id, ledger_rows.result_id
        order by deliveries.delivery_order desc, ledger_rows.row_number desc
    ) = 1

),

selected as (

    select
        cast(payer as string) as payer,
        cast(source_id as string) as source_id,
        cast(result_id as string) as result_id,
        cast(person_id as string) as person_id,
        cast(result_kind as string) as result_kind,
        cast(code_system as string) as code_system,
        cast(code as string) as code,
        cast(unit as string) as unit,
        cast(value_text as string) as value_text,
        cast(result_status as string) as result_status,
        cast(setting as string) as setting,
        cast(delivery_id as string) as delivery_id,
        cast(
            case when result_status <> 'preliminary' then value end as decimal(12, 3)
        ) as value,
        cast(
            case when result_status <> 'preliminary' then second_value end as decimal(12, 3)
        ) as second_value,
        cast(delivery_order as bigint) as delivery_order,
        cast(row_number as bigint) as row_number,
        cast(is_audited = 'audited' as boolean) as is_audited,
        cast(service_date as date) as service_date,
        cast(delivered_on as date) as delivered_on
    from newest
    where result_status <> 'cancelled'

)

select * from selected
