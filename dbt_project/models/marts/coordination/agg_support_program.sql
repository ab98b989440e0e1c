-- METHODS L.2: the payer's disease-management and lifestyle programs: who could be referred today, and of
-- today's members who was ever offered one, joined, declined, completed it.

with

members as (

    select
        person_key,
        payer,
        person_id,
        program_id,
        partner_id
    from {{ ref('int_care_member') }}
    where program_id is not null and is_covered

),

offers as (

    select
        members.program_id,
        members.partner_id,
        members.person_key,
        enrollments.support_program,
        0 as is_candidate,
        max(case when enrollments.offered_date is not null then 1 else 0 end) as was_offered,
        max(case when enrollments.enrolled_date is not null then 1 else 0 end) as was_enrolled,
        max(case when enrollments.declined_date is not null then 1 else 0 end) as has_declined,
        max(case when enrollments.completed_date is not null then 1 else 0 end) as has_completed
    from {{ ref('stg_ledger__support_program_enrollment') }} as enrollments
    inner join members
        on enrollments.payer = members.payer and enrollments.person_id = members.person_id
    group by
        members.program_id, members.partner_id, members.person_key, enrollments.support_program

),

told as (

    select * from offers
    union all
    select
        members.program_id,
        members.partner_id,
        members.person_key,
        candidates.support_program,
        1 as is_candidate,
        0 as was_offered,
        0 as was_enrolled,
        0 as has_declined,
        0 as has_completed
    from {{ ref('int_referral_candidate') }} as candidates
    inner join members on candidates.person_key = members.person_key

),

final as (

    select
        cast(program_id as string) as program_id,
        cast(partner_id as string) as partner_id,
        cast(support_program as string) as support_program,
        cast(sum(is_candidate) as bigint) as candidates,
        cast(sum(was_offered) as bigint) as members_offered,
        cast(sum(was_enrolled) as bigint) as members_enrolled,
        cast(sum(has_declined) as bigint) as members_declined,
        cast(sum(has_completed) as bigint) as members_completed
    from told
    group by program_id, partner_id, support_program

)

select * from final
