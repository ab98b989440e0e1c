{{ config(pre_hook='{{ keep_previous() }}') }}

-- METHODS B.2, np_pa_rule = roster_else_tin: a nurse practitioner, physician assistant or clinical
-- nurse specialist counts as primary care if a program roster's role says pcp or, on no program
-- roster, if most of the visits in the look-back were billed by a primary-care TIN (more than half
-- of the TIN's visits come from primary-care physicians).

with

visits as (

    select * from {{ ref('int_attribution_visit') }}

),

pairs as (

    select * from {{ ref('int_visit_pair') }}

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

roster as (

    select * from {{ ref('int_roster_span') }} where program_id is not null

),

-- A look-back starts on a first of a month, or on 29 February where a month-end was clamped: that
-- day is kept apart, so that sums of buckets equal sums of days.
buckets as (

    select
        pair_number,
        case
            when month(visit_date) = 2 and day(visit_date) = 29 then visit_date
            else {{ first_of_month('visit_date') }}
        end as bucket_date,
        max(case when is_np_pa then 1 else 0 end) as np_pa_flag,
        count(*) as visits,
        sum(case when tier = 1 and not is_np_pa then 1 else 0 end) as physician_visits
    from visits
    group by
        pair_number,
        case
            when month(visit_date) = 2 and day(visit_date) = 29 then visit_date
            else {{ first_of_month('visit_date') }}
        end

),

looked_back as (

    select
        pairs.payer_key,
        pairs.rendering_npi,
        pairs.billing_tin,
        snapshots.snapshot_number,
        snapshots.snapshot_date,
        max(buckets.np_pa_flag) as np_pa_flag,
        sum(buckets.visits) as visits,
        sum(buckets.physician_visits) as physician_visits
    from buckets
    inner join pairs on buckets.pair_number = pairs.pair_number
    inner join snapshots
        on
            pairs.payer_key = snapshots.payer_key
            and buckets.bucket_date between snapshots.window_start_date and snapshots.snapshot_date
    group by
        pairs.payer_key,
        pairs.rendering_npi,
        pairs.billing_tin,
        snapshots.snapshot_number,
        snapshots.snapshot_date

),

primary_care_tins as (

    select
        payer_key,
        billing_tin,
        snapshot_number
    from looked_back
    where billing_tin is not null
    group by payer_key, billing_tin, snapshot_number
    having 2 * sum(physician_visits) > sum(visits)

),

practitioners as (

    select
        looked_back.payer_key,
        looked_back.rendering_npi,
        looked_back.snapshot_number,
        looked_back.snapshot_date,
        2 * sum(
            case when primary_care_tins.billing_tin is not null then looked_back.visits else 0 end
        ) > sum(looked_back.visits) as is_billed_by_primary_care
    from looked_back
    left join primary_care_tins
        on
            looked_back.payer_key = primary_care_tins.payer_key
            and looked_back.billing_tin = primary_care_tins.billing_tin
            and looked_back.snapshot_number = primary_care_tins.snapshot_number
    where looked_back.np_pa_flag = 1
    group by
        looked_back.payer_key,
        looked_back.rendering_npi,
        looked_back.snapshot_number,
        looked_back.snapshot_date

),

rostered as (

    select
        practitioners.payer_key,
        practitioners.rendering_npi,
        practitioners.snapshot_number,
        bool_or(roster.is_pcp) as is_pcp
    from practitioners
    inner join roster
        on
            practitioners.payer_key = roster.payer_key
            and practitioners.rendering_npi = roster.npi
            and practitioners.snapshot_date
            between roster.roster_start_date and roster.roster_end_date
    group by
        practitioners.payer_key,
        practitioners.rendering_npi,
        practitioners.snapshot_number

),

final as (

    select
        cast(practitioners.payer_key as int) as payer_key,
        cast(practitioners.rendering_npi as bigint) as rendering_npi,
        cast(practitioners.snapshot_number as int) as snapshot_number,
        cast(
            coalesce(rostered.is_pcp, practitioners.is_billed_by_primary_care) as boolean
        ) as is_primary_care,
        cast(rostered.rendering_npi is not null as boolean) as is_on_roster
    from practitioners
    left join rostered
        on
            practitioners.payer_key = rostered.payer_key
            and practitioners.rendering_npi = rostered.rendering_npi
            and practitioners.snapshot_number = rostered.snapshot_number

)

select * from final
