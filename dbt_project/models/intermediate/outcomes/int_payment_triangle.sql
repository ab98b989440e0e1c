-- METHODS A.8: what was allowed by month of service and months until it was paid, from the ledger
-- as it came (A.1 step 7): a reversal takes away in the month it was paid. Inpatient care, other
-- facility care, professional care and fills ripen at their own pace. Lines above the cap on a
-- person's cost are left out, since they would move a whole diagonal.

with

medical_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }}

),

fills as (

    select * from {{ ref('stg_ledger__pharmacy_claim') }}

),

caps as (

    select
        payer,
        max(truncation_amount) as truncation_amount
    from {{ ref('stg_ledger__program_terms') }}
    group by payer

),

paid_amounts as (

    select
        payer,
        case
            when claim_type = 'P' then 'professional'
            when substr(bill_type_code, 1, 2) in ('11', '18', '21', '28', '41') then 'inpatient'
            else 'outpatient'
        end as cost_category,
        coalesce(admission_date, from_date) as incurred_date,
        paid_date,
        allowed_amount
    from medical_lines
    where claim_status <> 'denied' and paid_date is not null
    union all
    select
        payer,
        'pharmacy' as cost_category,
        fill_date as incurred_date,
        paid_date,
        allowed_amount
    from fills
    where paid_date is not null

),

placed as (

    select
        paid_amounts.payer,
        paid_amounts.cost_category,
        {{ month_number('paid_amounts.incurred_date') }} as incurred_month_number,
        {{ month_number('paid_amounts.paid_date') }} as paid_month_number,
        paid_amounts.allowed_amount
    from paid_amounts
    inner join caps on paid_amounts.payer = caps.payer
    where abs(paid_amounts.allowed_amount) <= caps.truncation_amount

),

-- A payment dated before its service is of the first month.
added_up as (

    select
        payer,
        cost_category,
        incurred_month_number,
        greatest(paid_month_number - incurred_month_number, 0) as lag_months,
        count(*) as line_count,
        sum(allowed_amount) as allowed_amount
    from placed
    group by
        payer,
        cost_category,
        incurred_month_number,
        greatest(paid_month_number - incurred_month_number, 0)

),

final as (

    select
        cast(payer as string) as payer,
        cast(cost_category as string) as cost_category,
        cast(incurred_month_number as int) as incurred_month_number,
        cast(lag_months as int) as lag_months,
        cast(line_count as bigint) as line_count,
        cast(allowed_amount * 100 as bigint) as allowed_cents
    from added_up

)

select * from final
