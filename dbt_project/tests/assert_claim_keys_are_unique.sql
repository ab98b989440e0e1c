-- claim_key is a hash. A claim that shared the key of an inpatient or ED claim would be counted as
-- one with it; only claims so decided (int_claim_header) are ever looked up or put together by key.
{{ config(meta={'dagster': {'ref': {'name': 'int_claim_header'}}}) }}

with

deciding_claims as (

    select distinct claim_key from {{ ref('int_claim_header') }}

),

lines as (

    select
        {{ pair_key('payer', 'claim_id') }} as claim_key,
        {{ pair_key('claim_id', 'payer') }} as other_key
    from {{ ref('stg_ledger__medical_claim_line') }}

)

select lines.claim_key
from lines
inner join deciding_claims on lines.claim_key = deciding_claims.claim_key
group by lines.claim_key
having min(lines.other_key) <> max(lines.other_key)
