-- PROGRAMS (ProHealth): care guides developed and adopted. A practice has adopted a guide once anything
-- was done by it for one of its members.

with

plans as (

    select * from {{ ref('fct_care_plan') }}

),

practices as (

    select
        program_id,
        partner_id,
        care_guide,
        coalesce(practice_id, 'none') as practice_id,
        count(*) as members,
        sum(case when has_care_plan then 1 else 0 end) as members_with_plan,
        sum(case when is_followed then 1 else 0 end) as members_followed,
        bool_or(last_activity_date is not null) as is_adopted
    from plans
    group by program_id, partner_id, care_guide, coalesce(practice_id, 'none')

),

placed as (

    select
        program_id,
        partner_id,
        care_guide,
        practice_id,
        members,
        members_with_plan,
        members_followed,
        1 as practices,
        case when is_adopted then 1 else 0 end as practices_adopted
    from practices
    union all
    select
        program_id,
        partner_id,
        care_guide,
        cast(null as string) as practice_id,
        sum(members) as members,
        sum(members_with_plan) as members_with_plan,
        sum(members_followed) as members_followed,
        count(*) as practices,
        sum(case when is_adopted then 1 else 0 end) as practices_adopted
    from practices
    group by program_id, partner_id, care_guide

),

final as (

    select
        cast(program_id as string) as program_id,
        cast(partner_id as string) as partner_id,
        cast(care_guide as string) as care_guide,
        cast(practice_id as string) as practice_id,
        cast(members as bigint) as members,
        cast(members_with_plan as bigint) as members_with_plan,
        cast(members_followed as bigint) as members_followed,
        cast(practices as bigint) as practices,
        cast(practices_adopted as bigint) as practices_adopted
    from placed

)

select * from final
