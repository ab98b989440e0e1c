{{ config(post_hook='{{ drop_previous(["int_claim_line_resolved"]) }}') }}
{%- do reads_in_growth('stg_ledger__new_delivery') %}

-- The claims whose final lines may differ from those of the last build: claims of new deliveries,
-- and claims that were resolved otherwise because of another one. None in a rebuild.

with

ledger_lines as (

    select * from {{ ref('stg_ledger__medical_claim_line') }}

),

resolved_lines as (

    select * from {{ ref('int_claim_line_resolved') }}

),

changed as (
    {% if is_growth() %}
    {%- set resolved_before = previous(ref('int_claim_line_resolved')) %}
    select
        payer,
        claim_id
    from ledger_lines
    where {{ is_new_row('ledger_lines') }}
    union
    select
        payer,
        claim_id
    from (select * from resolved_lines except select * from {{ resolved_before }}) as resolved_now
    union
    select
        payer,
        claim_id
    from (select * from {{ resolved_before }} except select * from resolved_lines) as no_more
    {% else %}
    select
        payer,
        claim_id
    from resolved_lines
    where false
    {% endif %}
),

final as (

    select distinct cast({{ pair_key('payer', 'claim_id') }} as bigint) as claim_key
    from changed

)

select * from final
