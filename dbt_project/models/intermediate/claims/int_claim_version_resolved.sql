-- METHODS A.1, step 4: the last action of a family wins. Last a void: nothing is final. Last a
-- replacement: its lines are. Otherwise the originals'. Late charges (frequency 5) are appended to
-- whatever is final, unless the action named the late charge itself. A void, in a family that
-- holds nothing to undo, is an orphan: quarantined, subtracted from nothing.

with

versions as (

    select * from {{ ref('int_claim_version') }}

),

pairs as (

    select * from {{ ref('int_claim_version_paired') }}

),

families as (

    select * from {{ ref('int_claim_family') }}

),

acting as (

    select
        versions.*,
        families.family_id,
        case when pairs.claim_id is not null then 'void' else versions.action end
            as family_action
    from versions
    inner join families
        on
            versions.payer = families.payer
            and versions.claim_family_id = families.claim_family_id
    left join pairs
        on
            versions.payer = pairs.payer
            and versions.claim_id = pairs.claim_id
            and versions.frequency_code = pairs.frequency_code
            and versions.version_sequence = pairs.version_sequence

),

-- Step 3's order; a late charge never is the last action of a family that holds an original.
ordered as (

    select
        *,
        case family_action when 'void' then 1 when 'replacement' then 2 else 0 end
            as family_action_rank,
        bool_or(family_action in ('original', 'replacement'))
            over (partition by payer, family_id) as has_claim,
        bool_or(family_action <> 'void') over (partition by payer, family_id)
            as has_something_to_undo
    from acting

),

ranked as (

    select
        *,
        row_number() over (
            partition by payer, family_id
            order by
                case when family_action = 'late_charge' and has_claim then 1 else 0 end,
                paid_date desc,
                version_sequence desc,
                family_action_rank desc,
                delivery_order desc,
                claim_id desc,
                frequency_code desc
        ) as recency
    from ordered

),

last_actions as (

    select
        payer,
        family_id,
        family_action as last_action
    from ranked
    where recency = 1

),

judged as (

    select
        ranked.*,
        last_actions.last_action,
        case
            when not ranked.has_something_to_undo then 'orphan_void'
            when ranked.family_action = 'late_charge' and ranked.has_claim then 'final'
            when last_actions.last_action = 'void' then 'superseded'
            when last_actions.last_action = 'replacement' and ranked.recency = 1 then 'final'
            when last_actions.last_action = 'replacement' then 'superseded'
            when ranked.family_action in ('original', 'late_charge') then 'final'
            else 'superseded'
        end as version_outcome
    from ranked
    inner join last_actions
        on ranked.payer = last_actions.payer and ranked.family_id = last_actions.family_id

),

final as (

    select
        cast(payer as string) as payer,
        cast(family_id as string) as family_id,
        cast(claim_id as string) as claim_id,
        cast(claim_family_id as string) as claim_family_id,
        cast(frequency_code as string) as frequency_code,
        cast(family_action as string) as action,
        cast(last_action as string) as last_action,
        cast(version_outcome as string) as version_outcome,
        cast(version_sequence as int) as version_sequence,
        cast(family_action_rank as int) as action_rank,
        cast(billed_amount as decimal(18, 2)) as billed_amount,
        cast(allowed_amount as decimal(18, 2)) as allowed_amount,
        cast(paid_amount as decimal(18, 2)) as paid_amount,
        cast(family_action = 'late_charge' as boolean) as is_late_charge,
        cast(paid_date as date) as paid_date
    from judged

)

select * from final
