{{ config(pre_hook='{{ keep_previous() }}') }}

-- METHODS B.4: a visit credits a program whose roster row is effective on the attribution date
-- (roster_basis attribution_date) or on the day of service (service_date); the row is found by the
-- clinician (credit_follows NPI) or by the billing TIN (TIN).
-- METHODS B.5: of two programs, the one whose TIN billed; then the longer current roster row; then
-- the earlier program start; then the smallest program_id.

with

pairs as (

    select * from {{ ref('int_visit_pair') }}

),

visits as (

    select * from {{ ref('int_attribution_visit') }}

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

rules as (

    select * from {{ ref('int_payer_rule') }}

),

roster as (

    select * from {{ ref('int_roster_span') }} where program_id is not null

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

credit_dates as (

    select
        pairs.pair_number,
        snapshots.snapshot_date as credit_date
    from pairs
    inner join snapshots on pairs.payer_key = snapshots.payer_key
    where not snapshots.is_credited_at_service
    union all
    select distinct
        visits.pair_number,
        visits.visit_date as credit_date
    from visits
    inner join rules on visits.payer_key = rules.payer_key
    where rules.roster_basis = 'service_date'

),

dated_pairs as (

    select
        credit_dates.pair_number,
        credit_dates.credit_date,
        pairs.payer_key,
        pairs.rendering_npi,
        pairs.billing_tin,
        rules.credit_follows
    from credit_dates
    inner join pairs on credit_dates.pair_number = pairs.pair_number
    inner join rules on pairs.payer_key = rules.payer_key

),

claims_to_visit as (

    select
        dated_pairs.pair_number,
        dated_pairs.credit_date,
        roster.program_id,
        roster.program_precedence,
        roster.partner_id,
        roster.practice_id,
        coalesce(roster.tin = dated_pairs.billing_tin, false) as is_billing_tin,
        roster.row_days
    from dated_pairs
    inner join roster
        on
            dated_pairs.payer_key = roster.payer_key
            and dated_pairs.rendering_npi = roster.npi
            and dated_pairs.credit_date between roster.roster_start_date and roster.roster_end_date
    where dated_pairs.credit_follows = 'NPI'
    union all
    select
        dated_pairs.pair_number,
        dated_pairs.credit_date,
        roster.program_id,
        roster.program_precedence,
        roster.partner_id,
        roster.practice_id,
        true as is_billing_tin,
        roster.row_days
    from dated_pairs
    inner join roster
        on
            dated_pairs.payer_key = roster.payer_key
            and dated_pairs.billing_tin = roster.tin
            and dated_pairs.credit_date between roster.roster_start_date and roster.roster_end_date
    where dated_pairs.credit_follows = 'TIN'

),

-- A clinician with several rows of one program is one claim of that program: its best row.
program_claims as (

    select *
    from claims_to_visit
    qualify row_number() over (
        partition by pair_number, credit_date, program_id
        order by
            is_billing_tin desc,
            row_days desc,
            partner_id nulls last,
            practice_id nulls last
    ) = 1

),

ranked as (

    select
        *,
        row_number() over (
            partition by pair_number, credit_date
            order by is_billing_tin desc, row_days desc, program_precedence
        ) as place,
        lead(program_id) over (
            partition by pair_number, credit_date
            order by is_billing_tin desc, row_days desc, program_precedence
        ) as other_program_id,
        lead(is_billing_tin) over (
            partition by pair_number, credit_date
            order by is_billing_tin desc, row_days desc, program_precedence
        ) as other_is_billing_tin,
        lead(row_days) over (
            partition by pair_number, credit_date
            order by is_billing_tin desc, row_days desc, program_precedence
        ) as other_row_days
    from program_claims

),

winners as (

    select
        pair_number,
        credit_date,
        program_id,
        partner_id,
        practice_id,
        other_program_id,
        case
            when other_program_id is null then null
            when is_billing_tin and not other_is_billing_tin then 'BILLING_TIN'
            when row_days > other_row_days then 'LONGER_ROSTER_ROW'
            else 'PROGRAM_ORDER'
        end as decided_by
    from ranked
    where place = 1

),

credited as (

    select
        dated_pairs.pair_number,
        dated_pairs.credit_date,
        case
            when winners.program_id is not null then winners.program_id
            when dated_pairs.billing_tin is not null
                then concat('TIN:', lpad(cast(dated_pairs.billing_tin as string), 9, '0'))
            else concat('NPI:', cast(dated_pairs.rendering_npi as string))
        end as group_key,
        dated_pairs.billing_tin,
        dated_pairs.rendering_npi,
        dated_pairs.payer_key,
        winners.program_id,
        winners.partner_id,
        winners.practice_id,
        winners.other_program_id,
        winners.decided_by
    from dated_pairs
    left join winners
        on
            dated_pairs.pair_number = winners.pair_number
            and dated_pairs.credit_date = winners.credit_date

),

final as (

    select
        cast(credited.pair_number as int) as pair_number,
        cast(credited.payer_key as int) as payer_key,
        cast(groups.group_number as bigint) as group_number,
        cast(credited.rendering_npi as bigint) as rendering_npi,
        cast(credited.billing_tin as bigint) as billing_tin,
        cast(credited.program_id as string) as program_id,
        cast(credited.partner_id as string) as partner_id,
        cast(credited.practice_id as string) as practice_id,
        cast(credited.other_program_id as string) as other_program_id,
        cast(credited.decided_by as string) as decided_by,
        cast(credited.credit_date as date) as credit_date
    from credited
    inner join groups on credited.group_key = groups.group_key

)

select * from final
