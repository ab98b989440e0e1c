{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='delete+insert',
        unique_key=['payer', 'pharmacy_claim_id']
    )
}}

{%- do reads_in_growth('stg_ledger__new_delivery') %}

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
    {%- if is_growth() %}
    where
        {{ pair_key('payer', 'pharmacy_claim_id') }}
        in ({{ new_pharmacy_claims() }})
    {%- endif %}
    group by payer, pharmacy_claim_id
    having count(*) > 1 or bool_or(claim_status = 'reversed')

)

select * from final
