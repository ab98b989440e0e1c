-- METHODS A.1, invariant: where every superseded version was reversed in full, what was paid on
-- the ledger is what is paid in the end. Orphan voids and replacements without a reversal differ
-- by nature and are no concern of this test.
{{ config(meta={'dagster': {'ref': {'name': 'int_claim_line_resolved'}}}) }}

with

versions as (

    select * from {{ ref('int_claim_version_resolved') }}

),

lines as (

    select * from {{ ref('int_claim_line_resolved') }}

),

families as (

    select distinct
        payer,
        claim_family_id,
        family_id
    from versions

),

-- A superseded version and a void that cancel each other's billed and allowed amounts.
taken_back as (

    select
        payer,
        family_id,
        abs(billed_amount) as billed_amount,
        abs(allowed_amount) as allowed_amount,
        sum(case when action = 'void' then -1 else 1 end) as balance
    from versions
    where version_outcome = 'superseded'
    group by payer, family_id, abs(billed_amount), abs(allowed_amount)

),

reversed_families as (

    select
        payer,
        family_id
    from taken_back
    group by payer, family_id
    having min(balance) = 0 and max(balance) = 0

),

paid as (

    select
        families.payer,
        families.family_id,
        sum(lines.ledger_paid_amount) as ledger_paid_amount,
        sum(case when lines.disposition = 'final' then lines.paid_amount else 0 end)
            as final_paid_amount
    from lines
    inner join families
        on
            lines.payer = families.payer
            and lines.claim_family_id = families.claim_family_id
    where lines.disposition <> 'duplicate'
    group by families.payer, families.family_id

)

select
    paid.payer,
    paid.family_id,
    paid.ledger_paid_amount,
    paid.final_paid_amount
from paid
inner join reversed_families
    on paid.payer = reversed_families.payer and paid.family_id = reversed_families.family_id
where paid.ledger_paid_amount <> paid.final_paid_amount
