{#- Chains of up to 2 ** doublings versions, and as many more where several chains meet, resolve;
    assert_claim_references_share_a_family fails should a longer one ever come. -#}
{%- set doublings = 5 -%}
{%- set merge_doublings = 2 -%}
-- METHODS A.1, step 2: claims linked by a void's or replacement's reference are one family, named
-- by the smallest claim number in it. Pointer doubling: each round every claim looks as far again
-- up its chain of references and keeps the smallest number seen.

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

labelled as (

    select
        round_{{ doublings }}.payer,
        round_{{ doublings }}.claim_family_id,
        trees.family_id
    from round_{{ doublings }}
    inner join trees
        on
            round_{{ doublings }}.payer = trees.payer
            and round_{{ doublings }}.parent_id = trees.parent_id

),

-- A claim that names several others joins their trees.
merge_0 as (

    select
        payer,
        family_id,
        min(merged_family_id) as merged_family_id
    from (
        select
            near.payer,
            near.family_id,
            least(near.family_id, far.family_id) as merged_family_id
        from links
        inner join labelled as near
            on links.payer = near.payer and links.claim_family_id = near.claim_family_id
        inner join labelled as far
            on links.payer = far.payer and links.acts_on_family_id = far.claim_family_id
        union all
        select
            far.payer,
            far.family_id,
            least(near.family_id, far.family_id) as merged_family_id
        from links
        inner join labelled as near
            on links.payer = near.payer and links.claim_family_id = near.claim_family_id
        inner join labelled as far
            on links.payer = far.payer and links.acts_on_family_id = far.claim_family_id
    ) as both_ways
    group by payer, family_id

),
{% for round in range(1, merge_doublings + 1) %}
merge_{{ round }} as (

    select
        near.payer,
        near.family_id,
        least(near.merged_family_id, far.merged_family_id) as merged_family_id
    from merge_{{ round - 1 }} as near
    inner join merge_{{ round - 1 }} as far
        on near.payer = far.payer and near.merged_family_id = far.family_id

),
{% endfor %}
final as (

    select
        cast(labelled.payer as string) as payer,
        cast(labelled.claim_family_id as string) as claim_family_id,
        cast(
            coalesce(merge_{{ merge_doublings }}.merged_family_id, labelled.family_id) as string
        ) as family_id
    from labelled
    left join merge_{{ merge_doublings }}
        on
            labelled.payer = merge_{{ merge_doublings }}.payer
            and labelled.family_id = merge_{{ merge_doublings }}.family_id

)

select * from final
