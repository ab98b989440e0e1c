-- A member's evidence changes only when a visit enters or leaves the look-back, or when the credit
-- of a visit inside it changes. Only those months are evaluated; the result holds until the
-- next one. This is exact and spares three quarters of the work of scoring every month.

with

visits as (

    select * from {{ ref('int_attribution_visit') }}

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

credits as (

    select * from {{ ref('int_visit_credit') }}

),

advanced_practice as (

    select * from {{ ref('int_advanced_practice_month') }}

),

neighbours as (

    select
        *,
        lag(snapshot_date) over (partition by payer_key order by snapshot_number)
            as previous_snapshot_date,
        lag(window_start_date) over (partition by payer_key order by snapshot_number)
            as previous_window_start_date,
        lag(recent_start_date) over (partition by payer_key order by snapshot_number)
            as previous_recent_start_date
    from snapshots

),

entered as (

    select
        visits.person_key,
        visits.payer_key,
        neighbours.snapshot_number
    from visits
    inner join neighbours
        on
            visits.payer_key = neighbours.payer_key
            and visits.visit_date between neighbours.window_start_date and neighbours.snapshot_date
            and visits.visit_date
            > coalesce(neighbours.previous_snapshot_date, date '1900-01-01')

),

left_behind as (

    select
        visits.person_key,
        visits.payer_key,
        neighbours.snapshot_number
    from visits
    inner join neighbours
        on
            visits.payer_key = neighbours.payer_key
            and visits.visit_date >= neighbours.previous_window_start_date
            and visits.visit_date < neighbours.window_start_date

),

aged as (

    select
        visits.person_key,
        visits.payer_key,
        neighbours.snapshot_number
    from visits
    inner join neighbours
        on
            visits.payer_key = neighbours.payer_key
            and visits.visit_date >= neighbours.previous_recent_start_date
            and visits.visit_date < neighbours.recent_start_date
    where neighbours.is_recency_weighted

),

dated_credits as (

    select
        credits.pair_number,
        credits.group_number,
        neighbours.snapshot_number,
        neighbours.snapshot_date,
        neighbours.window_start_date,
        neighbours.previous_snapshot_date,
        lag(credits.group_number) over (
            partition by credits.pair_number
            order by credits.credit_date
        ) as previous_group_number
    from credits
    inner join neighbours
        on
            credits.payer_key = neighbours.payer_key
            and credits.credit_date = neighbours.snapshot_date
    where not neighbours.is_credited_at_service

),

dated_practitioners as (

    select
        advanced_practice.payer_key,
        advanced_practice.rendering_npi,
        advanced_practice.snapshot_number,
        neighbours.snapshot_date,
        neighbours.window_start_date,
        advanced_practice.is_primary_care,
        lag(advanced_practice.is_primary_care) over (
            partition by advanced_practice.payer_key, advanced_practice.rendering_npi
            order by advanced_practice.snapshot_number
        ) as was_primary_care
    from advanced_practice
    inner join neighbours
        on
            advanced_practice.payer_key = neighbours.payer_key
            and advanced_practice.snapshot_number = neighbours.snapshot_number

),

recredited as (

    select distinct
        visits.person_key,
        visits.payer_key,
        dated_credits.snapshot_number
    from dated_credits
    inner join visits
        on
            dated_credits.pair_number = visits.pair_number
            and visits.visit_date
            between dated_credits.window_start_date and dated_credits.snapshot_date
    where
        dated_credits.previous_snapshot_date is not null
        and dated_credits.group_number <> dated_credits.previous_group_number
    union all
    select distinct
        visits.person_key,
        visits.payer_key,
        dated_practitioners.snapshot_number
    from dated_practitioners
    inner join visits
        on
            dated_practitioners.payer_key = visits.payer_key
            and dated_practitioners.rendering_npi = visits.rendering_npi
            and visits.visit_date
            between dated_practitioners.window_start_date and dated_practitioners.snapshot_date
    where dated_practitioners.is_primary_care <> dated_practitioners.was_primary_care

),

changes as (

    select person_key, payer_key, snapshot_number from entered
    union all
    select person_key, payer_key, snapshot_number from left_behind
    union all
    select person_key, payer_key, snapshot_number from aged
    union all
    select person_key, payer_key, snapshot_number from recredited

),

evaluated as (

    select
        person_key,
        payer_key,
        snapshot_number
    from changes
    group by person_key, payer_key, snapshot_number

),

final as (

    select
        cast(evaluated.person_key as int) as person_key,
        cast(evaluated.payer_key as int) as payer_key,
        cast(evaluated.snapshot_number as int) as snapshot_number,
        cast(
            coalesce(
                lead(evaluated.snapshot_number) over (
                    partition by evaluated.person_key
                    order by evaluated.snapshot_number
                ),
                999999
            ) as int
        ) as next_snapshot_number,
        cast(snapshots.snapshot_date as date) as snapshot_date,
        cast(snapshots.window_start_date as date) as window_start_date
    from evaluated
    inner join snapshots
        on
            evaluated.payer_key = snapshots.payer_key
            and evaluated.snapshot_number = snapshots.snapshot_number

)

select * from final
