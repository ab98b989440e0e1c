{#- As many trees as these rounds join; see int_claim_tree for what fails should more meet. -#}
{%- set merge_doublings = 2 -%}
-- METHODS A.1, step 2: claims linked by a void's or replacement's reference are one family, named
-- by the smallest claim number in it. Claims of one chain are a tree already; here the trees join
-- that a claim with several references ties together.

with

versions as (

    select * from {{ ref('int_claim_version') }}

),

pairs as (

    select * from {{ ref('int_claim_version_paired') }}

),

trees as (

    select * from {{ ref('int_claim_tree') }}

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

-- A claim that names several others joins their trees.
meetings as (

    select distinct
        near.payer,
        near.tree_id,
        far.tree_id as other_tree_id
    from links
    inner join trees as near
        on links.payer = near.payer and links.claim_family_id = near.claim_family_id
    inner join trees as far
        on links.payer = far.payer and links.acts_on_family_id = far.claim_family_id

),

merge_0 as (

    select
        payer,
        tree_id,
        min(least(tree_id, other_tree_id)) as family_id
    from (
        select
            payer,
            tree_id,
            other_tree_id
        from meetings
        union all
        select
            payer,
            other_tree_id as tree_id,
            tree_id as other_tree_id
        from meetings
    ) as both_ways
    group by payer, tree_id

),
{% for round in range(1, merge_doublings + 1) %}
merge_{{ round }} as (

    select
        near.payer,
        near.tree_id,
        least(near.family_id, far.family_id) as family_id
    from merge_{{ round - 1 }} as near
    inner join merge_{{ round - 1 }} as far
        on near.payer = far.payer and near.family_id = far.tree_id

),
{% endfor %}
final as (

    select
        cast(trees.payer as string) as payer,
        cast(trees.claim_family_id as string) as claim_family_id,
        cast(
            coalesce(merge_{{ merge_doublings }}.family_id, trees.tree_id) as string
        ) as family_id
    from trees
    left join merge_{{ merge_doublings }}
        on
            trees.payer = merge_{{ merge_doublings }}.payer
            and trees.tree_id = merge_{{ merge_doublings }}.tree_id

)

select * from final
