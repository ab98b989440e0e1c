-- Where the members of each snapshot month are and why (METHODS B.9). The panels of a month add up
-- to everyone ever covered; without not_eligible they add up to the eligible members.

with

attributions as (

    select * from {{ ref('int_member_attribution') }}

),

practices as (

    select * from {{ ref('int_practice') }}

),

added_up as (

    select
        snapshot_date,
        program_id,
        partner_id,
        practice_id,
        reason,
        is_attributed_elsewhere,
        count(*) as members,
        sum(case when status = 'NEW' and program_id is not null then 1 else 0 end) as new_members,
        sum(case when margin = 0 then 1 else 0 end) as tied_members
    from attributions
    group by
        snapshot_date,
        program_id,
        partner_id,
        practice_id,
        reason,
        is_attributed_elsewhere

),

final as (

    select
        cast(added_up.snapshot_date as date) as snapshot_date,
        cast(
            case
                when added_up.program_id is not null then added_up.program_id
                when added_up.is_attributed_elsewhere then 'attributed_elsewhere'
                when added_up.reason = 'NONE' then 'unattributed'
                else 'not_eligible'
            end as string
        ) as panel,
        cast(coalesce(added_up.partner_id, 'none') as string) as partner_id,
        cast(coalesce(added_up.practice_id, 'none') as string) as practice_id,
        cast(added_up.reason as string) as reason,
        cast(added_up.program_id as string) as program_id,
        cast(practices.practice_name as string) as practice_name,
        cast(added_up.members as bigint) as members,
        cast(added_up.new_members as bigint) as new_members,
        cast(added_up.tied_members as bigint) as tied_members
    from added_up
    left join practices
        on
            added_up.program_id = practices.program_id
            and added_up.practice_id = practices.practice_id

)

select * from final
