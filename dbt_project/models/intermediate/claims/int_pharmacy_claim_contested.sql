-- Pharmacy claim numbers that more than one row carries, or that a reversal names. All other
-- claims are fills as delivered.

with

pharmacy_claims as (

    select * from {{ ref('stg_ledger__pharmacy_claim') }}

),

final as (

    select
        cast(payer as string) as payer,
        cast(pharmacy_claim_id as string) as pharmacy_claim_id
    from pharmacy_claims
    group by payer, pharmacy_claim_id
    having count(*) > 1 or bool_or(claim_status = 'reversed')

)

select * from final
