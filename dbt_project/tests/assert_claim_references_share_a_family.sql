-- A chain of versions longer than int_claim_family follows would be resolved as two families, and
-- a superseded version counted.
{{ config(meta={'dagster': {'ref': {'name': 'int_claim_family'}}}) }}

with

links as (

    select
        payer,
        claim_family_id,
        acts_on_family_id
    from {{ ref('int_claim_version') }}
    where acts_on_family_id is not null
    union
    select
        payer,
        claim_family_id,
        acts_on_family_id
    from {{ ref('int_claim_version_paired') }}

),

families as (

    select * from {{ ref('int_claim_family') }}

)

select
    links.payer,
    links.claim_family_id,
    links.acts_on_family_id
from links
left join families as acting
    on links.payer = acting.payer and links.claim_family_id = acting.claim_family_id
left join families as acted_on
    on links.payer = acted_on.payer and links.acts_on_family_id = acted_on.claim_family_id
where acting.family_id is null or acted_on.family_id is null
    or acting.family_id <> acted_on.family_id
