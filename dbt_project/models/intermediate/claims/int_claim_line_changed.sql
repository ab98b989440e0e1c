-- The final lines of changed claims in the ledger's own columns, so that a build which adds reads the
-- ledger once for all tables of claims. None in a rebuild: there int_claim_line_final is read.

with

final_lines as (

    select * from {{ ref('int_claim_line_final') }}

),

changed_claims as (

    select * from {{ ref('int_claim_changed') }}

),

final as (

    select final_lines.*
    from final_lines
    inner join changed_claims
        on {{ pair_key('final_lines.payer', 'final_lines.claim_id') }} = changed_claims.claim_key
    {%- if not is_growth() %}
    where false
    {%- endif %}

)

select * from final
