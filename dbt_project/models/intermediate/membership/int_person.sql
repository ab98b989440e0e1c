-- Person = (payer, person_id) (DESIGN section 5). Everyone seen in coverage or in a claim gets a
-- dense integer key, in the order in which persons became known: facts stay narrow, rebuilds agree,
-- and later deliveries leave the numbers of earlier persons alone.

with

eligibility_spans as (

    select * from {{ ref('stg_ledger__eligibility_span') }}

),

medical_claim_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }}

),

pharmacy_claims as (

    select * from {{ ref('stg_ledger__pharmacy_claim') }}

),

-- The row delivered last speaks for the person.
described as (

    select
        payer,
        person_id,
        birth_date,
        sex,
        death_date
    from eligibility_spans
    qualify row_number() over (
        partition by payer, person_id
        order by delivery_order desc, row_number desc
    ) = 1

),

mentions as (

    select
        payer,
        person_id,
        min(delivered_on) as first_delivered_on
    from eligibility_spans
    where {{ is_new_row('eligibility_spans') }}
    group by payer, person_id
    union all
    select
        payer,
        person_id,
        min(delivered_on) as first_delivered_on
    from medical_claim_lines
    where {{ is_new_row('medical_claim_lines') }}
    group by payer, person_id
    union all
    select
        payer,
        person_id,
        min(delivered_on) as first_delivered_on
    from pharmacy_claims
    where {{ is_new_row('pharmacy_claims') }}
    group by payer, person_id

),

seen as (

    select
        payer,
        person_id,
        min(first_delivered_on) as first_delivered_on
    from mentions
    where person_id is not null
    group by payer, person_id

),

numbered as (
    {% if is_growth() %}
    select
        person_key,
        payer,
        person_id
    from {{ this }}
    union all
    select
        known.persons
        + row_number() over (order by seen.first_delivered_on, seen.payer, seen.person_id)
            as person_key,
        seen.payer,
        seen.person_id
    from seen
    cross join (select count(*) as persons from {{ this }}) as known
    left join {{ this }} as known_persons
        on seen.payer = known_persons.payer and seen.person_id = known_persons.person_id
    where known_persons.person_key is null
    {% else %}
    select
        row_number() over (order by first_delivered_on, payer, person_id) as person_key,
        payer,
        person_id
    from seen
    {% endif %}
),

final as (

    select
        cast(numbered.person_key as int) as person_key,
        cast(dense_rank() over (order by numbered.payer) as int) as payer_key,
        cast(numbered.payer as string) as payer,
        cast(numbered.person_id as string) as person_id,
        cast(described.sex as string) as sex,
        cast(described.person_id is not null as boolean) as has_eligibility,
        cast(described.birth_date as date) as birth_date,
        cast(described.death_date as date) as death_date
    from numbered
    left join described
        on numbered.payer = described.payer and numbered.person_id = described.person_id

)

select * from final
