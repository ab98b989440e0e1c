{{ config(pre_hook='{{ keep_previous() }}') }}

-- Partner and practice of a clinician inside a program on an attribution date. The effective row
-- comes first, then the row that ended last: with credit by service date or TIN a member can
-- belong to a program by a clinician who has left it. One whom no row names takes partner and
-- practice of the row that credited the visits.

with

roster as (

    select * from {{ ref('int_roster_span') }} where program_id is not null

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

credits as (

    select * from {{ ref('int_visit_credit') }} where program_id is not null

),

rostered as (

    select
        roster.payer_key,
        roster.npi,
        roster.program_id,
        roster.partner_id,
        roster.practice_id,
        snapshots.snapshot_number,
        snapshots.snapshot_date <= roster.roster_end_date as is_on_roster
    from roster
    inner join snapshots
        on
            roster.payer_key = snapshots.payer_key
            and roster.roster_start_date <= snapshots.snapshot_date
    qualify row_number() over (
        partition by
            roster.payer_key, roster.npi, roster.program_id, snapshots.snapshot_number
        order by
            least(roster.roster_end_date, snapshots.snapshot_date) desc,
            roster.row_days desc,
            roster.partner_id nulls last,
            roster.practice_id nulls last
    ) = 1

),

only_credited as (

    select
        credits.payer_key,
        credits.rendering_npi as npi,
        credits.program_id,
        credits.partner_id,
        credits.practice_id,
        snapshots.snapshot_number,
        false as is_on_roster
    from credits
    inner join snapshots
        on
            credits.payer_key = snapshots.payer_key
            and credits.credit_date <= snapshots.snapshot_date
    left join roster
        on
            credits.payer_key = roster.payer_key
            and credits.rendering_npi = roster.npi
            and credits.program_id = roster.program_id
            and roster.roster_start_date <= snapshots.snapshot_date
    where roster.npi is null
    qualify row_number() over (
        partition by
            credits.payer_key,
            credits.rendering_npi,
            credits.program_id,
            snapshots.snapshot_number
        order by credits.credit_date desc, credits.billing_tin nulls last
    ) = 1

),

combined as (

    select
        payer_key,
        npi,
        program_id,
        partner_id,
        practice_id,
        snapshot_number,
        is_on_roster
    from rostered
    union all
    select
        payer_key,
        npi,
        program_id,
        partner_id,
        practice_id,
        snapshot_number,
        is_on_roster
    from only_credited

),

final as (

    select
        cast(combined.payer_key as int) as payer_key,
        cast(combined.npi as bigint) as npi,
        cast(combined.snapshot_number as int) as snapshot_number,
        cast(groups.group_number as bigint) as group_number,
        cast(combined.program_id as string) as program_id,
        cast(combined.partner_id as string) as partner_id,
        cast(combined.practice_id as string) as practice_id,
        cast(combined.is_on_roster as boolean) as is_on_roster
    from combined
    inner join groups on combined.program_id = groups.program_id

)

select * from final
