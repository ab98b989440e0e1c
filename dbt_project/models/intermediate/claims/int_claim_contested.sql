-- METHODS A.1 needs thought only where something happened to a claim: a void, replacement or late
-- charge, a negative amount, a repeated line, a reference. This finds those claims, and those they
-- may act on, from narrow columns; every other claim is final as delivered. Too many claims here
-- cost time, never a wrong result, so each test below may be generous, and two claims that share a
-- key are looked at together. A payer without a suffix has claims and families of the same keys.

{%- set family_id = claim_family_id(
    'ledger_lines.claim_id', 'rules.adjustment_suffix_regex'
) -%}
{%- set original_family_id = claim_family_id(
    'ledger_lines.original_claim_id', 'rules.adjustment_suffix_regex'
) %}

with

rules as (

    select * from {{ ref('int_claim_rule') }}

),

adjusting_families as (

    select family_key
    from {{ ref('int_claim_family_seen') }}
    where is_adjusting or bit_count(line_number_bits) < line_count

),

-- The lines that act on another claim: named, or not.
acting_lines as (

    select
        ledger_lines.payer,
        ledger_lines.person_id,
        ledger_lines.original_claim_id,
        {{ pair_key('ledger_lines.payer', original_family_id) }} as original_family_key,
        ledger_lines.from_date
    from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
    left join rules on ledger_lines.payer = rules.payer
    inner join adjusting_families
        on {{ pair_key('ledger_lines.payer', family_id) }} = adjusting_families.family_key
    where
        ledger_lines.original_claim_id is not null
        or ledger_lines.billed_amount < 0
        or ledger_lines.allowed_amount < 0
        or ledger_lines.paid_amount < 0

),

-- A negative claim without a reference may undo any claim of the same person and day.
undone_candidates as (

    select {{ pair_key('ledger_lines.payer', family_id) }} as family_key
    from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
    left join rules on ledger_lines.payer = rules.payer
    inner join (
        select distinct
            payer,
            person_id,
            from_date
        from acting_lines
        where original_claim_id is null
    ) as unreferenced_negatives
        on
            ledger_lines.payer = unreferenced_negatives.payer
            and ledger_lines.person_id = unreferenced_negatives.person_id
            and ledger_lines.from_date = unreferenced_negatives.from_date

),

contested_families as (

    select family_key from adjusting_families
    union
    select original_family_key as family_key
    from acting_lines
    where original_claim_id is not null
    union
    select family_key from undone_candidates

),

-- Nothing is read here unless a payer uses suffixes.
suffixed_claims as (

    select {{ pair_key('ledger_lines.payer', 'ledger_lines.claim_id') }} as claim_key
    from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
    inner join rules
        on ledger_lines.payer = rules.payer and rules.adjustment_suffix_regex is not null
    inner join contested_families
        on {{ pair_key('ledger_lines.payer', family_id) }} = contested_families.family_key

),

claims as (

    select family_key as claim_key from contested_families
    union
    select claim_key from suffixed_claims

),

final as (

    select cast(claim_key as bigint) as claim_key from claims

)

select * from final
