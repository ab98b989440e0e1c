{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='delete+insert',
        unique_key=['payer', 'pharmacy_claim_id']
    )
}}

{%- do reads_in_growth('stg_ledger__new_delivery') %}

-- METHODS A.1 for pharmacy: equal rows count once; then the last action on a claim number wins. A
-- reversal that comes last takes the fill away, a claim paid again after it stands. A reversal
-- without a claim is an orphan and subtracts nothing.

with

pharmacy_claims as (

    select * from {{ ref('stg_ledger__pharmacy_claim') }}

),

contested_claims as (

    select * from {{ ref('int_pharmacy_claim_contested') }}
    {%- if is_growth() %}
    where
        {{ pair_key('payer', 'pharmacy_claim_id') }}
        in ({{ new_pharmacy_claims() }})
    {%- endif %}

),

compared as (

    select
        pharmacy_claims.*,
        row_number() over (
            partition by
                pharmacy_claims.payer,
                pharmacy_claims.pharmacy_claim_id,
                pharmacy_claims.person_id,
                pharmacy_claims.ndc_code,
                pharmacy_claims.prescriber_npi,
                pharmacy_claims.pharmacy_npi,
                pharmacy_claims.claim_status,
                pharmacy_claims.days_supply,
                pharmacy_claims.quantity,
                pharmacy_claims.allowed_amount,
                pharmacy_claims.paid_amount,
                pharmacy_claims.fill_date,
                pharmacy_claims.paid_date
            order by pharmacy_claims.delivery_order, pharmacy_claims.row_number
        ) as copy_number
    from pharmacy_claims
    inner join contested_claims
        on
            pharmacy_claims.payer = contested_claims.payer
            and pharmacy_claims.pharmacy_claim_id = contested_claims.pharmacy_claim_id

),

ranked as (

    select
        *,
        row_number() over (
            partition by payer, pharmacy_claim_id, copy_number > 1
            order by
                paid_date desc,
                case claim_status when 'reversed' then 1 else 0 end desc,
                delivery_order desc,
                row_number desc
        ) as recency,
        bool_or(claim_status = 'paid') over (partition by payer, pharmacy_claim_id)
            as has_paid_claim
    from compared

),

final as (

    select
        cast(payer as string) as payer,
        cast(pharmacy_claim_id as string) as pharmacy_claim_id,
        cast(person_id as string) as person_id,
        cast(ndc_code as string) as ndc_code,
        cast(prescriber_npi as string) as prescriber_npi,
        cast(claim_status as string) as claim_status,
        cast(
            case
                when copy_number > 1 then 'duplicate'
                when not has_paid_claim then 'orphan_reversal'
                when recency = 1 and claim_status = 'paid' then 'final'
                else 'superseded'
            end as string
        ) as disposition,
        cast(days_supply as int) as days_supply,
        cast(allowed_amount as decimal(18, 2)) as allowed_amount,
        cast(paid_amount as decimal(18, 2)) as paid_amount,
        cast(fill_date as date) as fill_date
    from ranked

)

select * from final
