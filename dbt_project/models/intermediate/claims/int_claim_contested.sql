-- METHODS A.1 needs thought only where something happened to a claim: a void, replacement or late
-- charge, a negative amount, a repeated line, a reference. This finds those claims, and those they
-- may act on, from narrow columns; every other claim is final as delivered. Too many claims here
-- cost time, never a wrong result, so each test below may be generous.

with

ledger_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }}

),

rules as (

    select * from {{ ref('int_claim_rule') }}

),

-- A line number seen twice leaves fewer bits set than there are lines. Numbers 62 apart share a
-- bit: such a claim is looked at for nothing.
claims as (

    select
        ledger_lines.payer,
        {{ claim_family_id('ledger_lines.claim_id', 'rules.adjustment_suffix_regex') }}
            as claim_family_id,
        bool_or(
            ledger_lines.frequency_code in ('5', '7', '8')
            or ledger_lines.claim_status = 'reversed'
            or coalesce(ledger_lines.billed_amount, 0) < 0
            or ledger_lines.allowed_amount < 0
            or ledger_lines.paid_amount < 0
        ) as has_adjusting_line,
        bit_count(bit_or({{ single_bit('(abs(ledger_lines.line_number) % 62)') }})) < count(*)
            as has_repeated_line
    from ledger_lines
    left join rules on ledger_lines.payer = rules.payer
    group by
        ledger_lines.payer,
        {{ claim_family_id('ledger_lines.claim_id', 'rules.adjustment_suffix_regex') }}

),

adjusting_claims as (

    select
        payer,
        claim_family_id
    from claims
    where has_adjusting_line or has_repeated_line

),

adjusting_lines as (

    select
        ledger_lines.payer,
        ledger_lines.original_claim_id,
        {{ claim_family_id('ledger_lines.original_claim_id', 'rules.adjustment_suffix_regex') }}
            as original_family_id,
        ledger_lines.person_id,
        coalesce(ledger_lines.billed_amount, 0) < 0
        or ledger_lines.allowed_amount < 0
        or ledger_lines.paid_amount < 0 as is_negative,
        ledger_lines.from_date
    from ledger_lines
    left join rules on ledger_lines.payer = rules.payer
    inner join adjusting_claims
        on
            ledger_lines.payer = adjusting_claims.payer
            and {{ claim_family_id('ledger_lines.claim_id', 'rules.adjustment_suffix_regex') }}
            = adjusting_claims.claim_family_id

),

-- A negative claim without a reference may undo any claim of the same person and day.
undone_candidates as (

    select
        ledger_lines.payer,
        {{ claim_family_id('ledger_lines.claim_id', 'rules.adjustment_suffix_regex') }}
            as claim_family_id
    from ledger_lines
    left join rules on ledger_lines.payer = rules.payer
    inner join (
        select distinct
            payer,
            person_id,
            from_date
        from adjusting_lines
        where original_claim_id is null and is_negative
    ) as unreferenced_negatives
        on
            ledger_lines.payer = unreferenced_negatives.payer
            and ledger_lines.person_id = unreferenced_negatives.person_id
            and ledger_lines.from_date = unreferenced_negatives.from_date

),

contested_families as (

    select payer, claim_family_id from adjusting_claims
    union
    select payer, original_family_id as claim_family_id from adjusting_lines
    union
    select payer, claim_family_id from undone_candidates

),

final as (

    select distinct
        cast(ledger_lines.payer as string) as payer,
        cast(ledger_lines.claim_id as string) as claim_id,
        cast(contested_families.claim_family_id as string) as claim_family_id
    from ledger_lines
    left join rules on ledger_lines.payer = rules.payer
    inner join contested_families
        on
            ledger_lines.payer = contested_families.payer
            and {{ claim_family_id('ledger_lines.claim_id', 'rules.adjustment_suffix_regex') }}
            = contested_families.claim_family_id

)

select * from final
