-- PROGRAMS (ProHealth): care guides and care plans. Who of the members with a condition of her program's
-- care guides has a care plan, since when, and whether it is followed: something done by its guide in
-- the 90 days after it was made.

with

members as (

    select * from {{ ref('int_care_member') }} where program_id is not null and is_covered

),

guides as (

    select
        program_id,
        care_guide_conditions
    from {{ ref('stg_ledger__program_terms') }}

),

conditions as (

    select
        person_key,
        condition
    from {{ ref('int_condition_registry') }}
    where basis = 'run' and is_active

),

entries as (

    select
        payer,
        person_id,
        care_guide,
        activity,
        activity_date
    from {{ ref('stg_ledger__care_log_entry') }}
    where care_guide is not null

),

plans as (

    select
        payer,
        person_id,
        care_guide,
        max(case when activity = 'care_plan' then activity_date end) as plan_date,
        max(activity_date) as last_activity_date
    from entries
    group by payer, person_id, care_guide

),

followed as (

    select
        plans.payer,
        plans.person_id,
        plans.care_guide,
        min(entries.activity_date) as followed_date
    from plans
    inner join entries
        on
            plans.payer = entries.payer
            and plans.person_id = entries.person_id
            and plans.care_guide = entries.care_guide
            and entries.activity_date > plans.plan_date
            and entries.activity_date <= {{ date_plus_days('plans.plan_date', 90) }}
    group by plans.payer, plans.person_id, plans.care_guide

),

final as (

    select
        cast(members.payer as string) as payer,
        cast(members.person_id as string) as person_id,
        cast(members.program_id as string) as program_id,
        cast(members.partner_id as string) as partner_id,
        cast(members.practice_id as string) as practice_id,
        cast(lpad(cast(members.npi as string), 10, '0') as string) as npi,
        cast(conditions.condition as string) as care_guide,
        cast(plans.plan_date is not null as boolean) as has_care_plan,
        cast(followed.followed_date is not null as boolean) as is_followed,
        cast(plans.plan_date as date) as plan_date,
        cast(plans.last_activity_date as date) as last_activity_date
    from members
    inner join conditions on members.person_key = conditions.person_key
    inner join guides
        on
            members.program_id = guides.program_id
            and guides.care_guide_conditions like concat('%,', conditions.condition, ',%')
    left join plans
        on
            members.payer = plans.payer
            and members.person_id = plans.person_id
            and conditions.condition = plans.care_guide
    left join followed
        on
            plans.payer = followed.payer
            and plans.person_id = followed.person_id
            and plans.care_guide = followed.care_guide

)

select * from final
