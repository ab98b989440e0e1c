-- Person = (payer, person_id) (DESIGN section 5). Everyone seen in coverage or in a claim gets a
-- dense integer key from the sorted natural key, so that facts stay narrow and rebuilds agree.

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

-- Most persons in claims are members: looking them up is cheaper than numbering every line.
seen as (

    select payer, person_id from described
    union
    select
        lines.payer,
        lines.person_id
    from medical_claim_lines as lines
    anti join described on lines.payer = described.payer and lines.person_id = described.person_id
    union
    select
        fills.payer,
        fills.person_id
    from pharmacy_claims as fills
    anti join described on fills.payer = described.payer and fills.person_id = described.person_id

),

numbered as (

    select
        row_number() over (order by seen.payer, seen.person_id) as person_key,
        dense_rank() over (order by seen.payer) as payer_key,
        seen.payer,
        seen.person_id,
        described.sex,
        described.person_id is not null as has_eligibility,
        described.birth_date,
        described.death_date
    from seen
    left join described
        on seen.payer = described.payer and seen.person_id = described.person_id
    where seen.person_id is not null

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(payer_key as int) as payer_key,
        cast(payer as string) as payer,
        cast(person_id as string) as person_id,
        cast(sex as string) as sex,
        cast(has_eligibility as boolean) as has_eligibility,
        cast(birth_date as date) as birth_date,
        cast(death_date as date) as death_date
    from numbered

)

select * from final
