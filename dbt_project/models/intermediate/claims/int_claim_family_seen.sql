{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='delete+insert',
        unique_key='family_key'
    )
}}

-- METHODS A.1, what the ledger has shown of each claim: enough to tell whether anything happened to
-- it. All of it adds up, so that a new delivery is added without reading the old ones.

with

rules as (

    select * from {{ ref('int_claim_rule') }}

),

-- A line number seen twice leaves fewer bits set than there are lines. Numbers 62 apart share a
-- bit: such a claim is looked at for nothing.
seen as (

    select
        {{ pair_key('ledger_lines.payer', claim_family_id(
            'ledger_lines.claim_id', 'rules.adjustment_suffix_regex'
        )) }} as family_key,
        count(*) as line_count,
        bit_or({{ single_bit('(abs(ledger_lines.line_number) % 62)') }}) as line_number_bits,
        bool_or(
            ledger_lines.frequency_code in ('5', '7', '8')
            or ledger_lines.claim_status = 'reversed'
            or coalesce(ledger_lines.billed_amount, 0) < 0
            or ledger_lines.allowed_amount < 0
            or ledger_lines.paid_amount < 0
        ) as is_adjusting
    from {{ ref('stg_ledger__medical_claim_line') }} as ledger_lines
    left join rules on ledger_lines.payer = rules.payer
    where {{ is_new_row('ledger_lines') }}
    group by 1

),
{% if is_growth() %}
seen_before as (

    select
        family_key,
        line_count,
        line_number_bits,
        is_adjusting
    from {{ this }}
    where family_key in (select family_key from seen)

),

added_up as (

    select
        family_key,
        sum(line_count) as line_count,
        bit_or(line_number_bits) as line_number_bits,
        bool_or(is_adjusting) as is_adjusting
    from (select * from seen union all select * from seen_before) as both_seen
    group by family_key

),
{% endif %}
final as (

    select
        cast(family_key as bigint) as family_key,
        cast(line_number_bits as bigint) as line_number_bits,
        cast(line_count as int) as line_count,
        cast(is_adjusting as boolean) as is_adjusting
    from {{ 'added_up' if is_growth() else 'seen' }}

)

select * from final
