{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook=[
            '{{ keep_forgotten(new_pharmacy_claims(), "fill_date") }}',
            '{{ forget_new_pharmacy_claims() }}',
        ]
    )
}}

-- Fills that stand: reversed ones and their reversals are gone.

with

pharmacy_claims as (

    select * from {{ ref('stg_ledger__pharmacy_claim') }}

),

contested_claims as (

    select * from {{ ref('int_pharmacy_claim_contested') }}

),

resolved_claims as (

    select * from {{ ref('int_pharmacy_claim_resolved') }}

),

persons as (

    select
        person_key,
        payer,
        person_id
    from {{ ref('int_person') }}

),

standing as (

    select
        pharmacy_claims.payer,
        pharmacy_claims.pharmacy_claim_id,
        pharmacy_claims.person_id,
        pharmacy_claims.ndc_code,
        pharmacy_claims.prescriber_npi,
        pharmacy_claims.days_supply,
        pharmacy_claims.allowed_amount,
        pharmacy_claims.paid_amount,
        pharmacy_claims.fill_date
    from pharmacy_claims
    anti join contested_claims
        on
            pharmacy_claims.payer = contested_claims.payer
            and pharmacy_claims.pharmacy_claim_id = contested_claims.pharmacy_claim_id
    where {{ is_new_row('pharmacy_claims') }}
    union all
    select
        payer,
        pharmacy_claim_id,
        person_id,
        ndc_code,
        prescriber_npi,
        days_supply,
        allowed_amount,
        paid_amount,
        fill_date
    from resolved_claims
    where
        disposition = 'final'
        {%- if is_growth() %}
        and {{ pair_key('payer', 'pharmacy_claim_id') }} in ({{ new_pharmacy_claims() }})
        {%- endif %}

),

final as (

    select
        cast(persons.person_key as int) as person_key,
        cast({{ pair_key('standing.payer', 'standing.pharmacy_claim_id') }} as bigint)
            as claim_key,
        cast(standing.prescriber_npi as bigint) as prescriber_npi,
        cast(standing.ndc_code as string) as ndc_code,
        cast(standing.days_supply as int) as days_supply,
        cast({{ cents('standing.allowed_amount') }} as bigint) as allowed_cents,
        cast({{ cents('standing.paid_amount') }} as bigint) as paid_cents,
        cast(standing.fill_date as date) as fill_date
    from standing
    inner join persons
        on standing.payer = persons.payer and standing.person_id = persons.person_id

)

select * from final
