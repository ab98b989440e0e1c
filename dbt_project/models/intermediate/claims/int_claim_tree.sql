{#- Chains of up to 2 ** doublings versions, and as many more where several chains meet, resolve;
    assert_claim_references_share_a_family fails should a longer one ever come. -#}
{%- set doublings = 5 -%}
-- METHODS A.1, step 2: a void's or replacement's reference leads from a claim to its parent.
-- Pointer doubling: each round every claim looks as far again up its chain of references and keeps
-- the smallest number seen. Apart from int_claim_family, because an engine that computes a CTE
-- anew wherever it is named would compute these rounds a thousand times there.

with

versions as (

    select * from {{ ref('int_claim_version') }}

),

pairs as (

    select * from {{ ref('int_claim_version_paired') }}

),

links as (

    select
        payer,
        claim_family_id,
        acts_on_family_id
    from versions
    where acts_on_family_id is not null
    union
    select
        payer,
        claim_family_id,
        acts_on_family_id
    from pairs

),

parents as (

    select
        payer,
        claim_family_id,
        min(acts_on_family_id) as parent_id
    from links
    group by payer, claim_family_id

),

-- Every claim number, and every number only referred to, its own parent where it names none.
round_0 as (

    select
        nodes.payer,
        nodes.claim_family_id,
        coalesce(parents.parent_id, nodes.claim_family_id) as parent_id,
        least(coalesce(parents.parent_id, nodes.claim_family_id), nodes.claim_family_id)
            as family_id
    from (
        select payer, claim_family_id from versions
        union
        select payer, acts_on_family_id as claim_family_id from links
    ) as nodes
    left join parents
        on
            nodes.payer = parents.payer
            and nodes.claim_family_id = parents.claim_family_id

),
{% for round in range(1, doublings + 1) %}
round_{{ round }} as (

    select
        near.payer,
        near.claim_family_id,
        far.parent_id,
        least(near.family_id, far.family_id) as family_id
    from round_{{ round - 1 }} as near
    inner join round_{{ round - 1 }} as far
        on near.payer = far.payer and near.parent_id = far.claim_family_id

),
{% endfor %}
-- At the top of a chain the smallest number of the whole tree is known only to the leaf that has
-- it; the root's tree takes the smallest that any of its claims saw.
trees as (

    select
        payer,
        parent_id,
        min(family_id) as family_id
    from round_{{ doublings }}
    group by payer, parent_id

),

final as (

    select
        cast(round_{{ doublings }}.payer as string) as payer,
        cast(round_{{ doublings }}.claim_family_id as string) as claim_family_id,
        cast(trees.family_id as string) as tree_id
    from round_{{ doublings }}
    inner join trees
        on
            round_{{ doublings }}.payer = trees.payer
            and round_{{ doublings }}.parent_id = trees.parent_id

)

select * from final
