-- What coordinators did and what came of it: calls, teaching, appointments booked and kept, care plans,
-- referrals, hand-offs in both directions, by month and by the program the member is in today.

with

members as (

    select
        payer,
        person_id,
        program_id,
        partner_id
    from {{ ref('int_care_member') }}
    where program_id is not null

),

-- An entry that came in two deliveries counts once.
entries as (

    select *
    from {{ ref('stg_ledger__care_log_entry') }}
    qualify row_number() over (
        partition by source_id, care_log_id order by delivery_order desc, row_number desc
    ) = 1

),

final as (

    select
        cast(members.program_id as string) as program_id,
        cast(members.partner_id as string) as partner_id,
        cast(
            case
                when entries.coordinator_role = 'payer_case_manager' then 'payer' else 'group'
            end as string
        ) as coordinator_side,
        cast(entries.activity as string) as activity,
        cast(coalesce(entries.outcome, 'not_told') as string) as outcome,
        cast(count(*) as bigint) as entry_count,
        cast(count(distinct members.person_id) as bigint) as member_count,
        cast({{ first_of_month('entries.activity_date') }} as date) as month_start_date
    from entries
    inner join members
        on entries.payer = members.payer and entries.person_id = members.person_id
    group by
        members.program_id,
        members.partner_id,
        case when entries.coordinator_role = 'payer_case_manager' then 'payer' else 'group' end,
        entries.activity,
        coalesce(entries.outcome, 'not_told'),
        {{ first_of_month('entries.activity_date') }}

)

select * from final
