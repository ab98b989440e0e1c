{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook='{{ forget_changed_months(\"from_snapshot_number\") }}'
    )
}}

-- METHODS B.3 steps 2 to 6: the group with the plurality of qualifying visits in the look-back.
-- Step 3: with any tier-1 visit to anyone, tier-2 visits do not count.
-- Step 5, ties: 1 latest visit, 2 latest preventive visit, 3 higher allowed amount, 4 smallest
-- group key.
-- Step 6: the clinician within the group by the same order, ending with the smallest NPI.

with

evaluations as (

    select *
    from {{ with_changed_month(ref('int_attribution_evaluation')) }} as evaluations
    where snapshot_number >= changed_month_number

),

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

credited as (

    select
        credits.pair_number,
        credits.credit_date,
        credits.group_number,
        credits.program_id is not null as is_program
    from credits

),

-- Visits meet the few evaluated months of their person, whose dates are beside them, not every
-- snapshot of the payer.
qualifying_visits as (

    select
        evaluations.person_key,
        evaluations.snapshot_number,
        visits.tier,
        credited.group_number,
        visits.rendering_npi,
        case
            when visits.visit_date >= snapshots.recent_start_date
                then snapshots.points_of_recent_visit
            else snapshots.points_of_earlier_visit
        end
        + snapshots.points_of_cent * visits.allowed_cents as points,
        visits.allowed_cents,
        visits.visit_date,
        visits.preventive_date
    from evaluations
    inner join visits
        on
            evaluations.person_key = visits.person_key
            and evaluations.window_start_date <= visits.visit_date
            and evaluations.snapshot_date >= visits.visit_date
    inner join snapshots
        on
            evaluations.payer_key = snapshots.payer_key
            and evaluations.snapshot_number = snapshots.snapshot_number
    inner join credited
        on
            visits.pair_number = credited.pair_number
            and case
                when snapshots.is_credited_at_service then visits.visit_date
                else evaluations.snapshot_date
            end = credited.credit_date
    left join advanced_practice
        on
            evaluations.payer_key = advanced_practice.payer_key
            and evaluations.snapshot_number = advanced_practice.snapshot_number
            and visits.rendering_npi = advanced_practice.rendering_npi
    where
        (not visits.is_np_pa or coalesce(advanced_practice.is_primary_care, false))
        and (credited.is_program or not snapshots.is_program_only)

),

best_tiers as (

    select
        person_key,
        snapshot_number,
        min(tier) as tier
    from qualifying_visits
    group by person_key, snapshot_number

),

clinician_scores as (

    select
        visits.person_key,
        visits.snapshot_number,
        visits.tier,
        visits.group_number,
        visits.rendering_npi,
        cast(sum(visits.points) as bigint) as score,
        max(visits.visit_date) as last_visit_date,
        max(visits.preventive_date) as last_preventive_date,
        cast(sum(visits.allowed_cents) as bigint) as allowed_cents
    from qualifying_visits as visits
    inner join best_tiers
        on
            visits.person_key = best_tiers.person_key
            and visits.snapshot_number = best_tiers.snapshot_number
            and visits.tier = best_tiers.tier
    group by
        visits.person_key,
        visits.snapshot_number,
        visits.tier,
        visits.group_number,
        visits.rendering_npi

),

group_scores as (

    select
        person_key,
        snapshot_number,
        tier,
        group_number,
        count(*) as clinicians,
        min(rendering_npi) as smallest_npi,
        cast(sum(score) as bigint) as score,
        max(last_visit_date) as last_visit_date,
        max(last_preventive_date) as last_preventive_date,
        cast(sum(allowed_cents) as bigint) as allowed_cents
    from clinician_scores
    group by person_key, snapshot_number, tier, group_number

),

-- Most months have one group and need no contest; min() of one row is the row.
sole_groups as (

    select
        person_key,
        snapshot_number,
        min(tier) as tier,
        min(group_number) as group_number,
        min(clinicians) as clinicians,
        min(smallest_npi) as smallest_npi,
        min(score) as score,
        min(last_visit_date) as last_visit_date
    from group_scores
    group by person_key, snapshot_number
    having count(*) = 1

),

placed_groups as (

    select
        group_scores.*,
        row_number() over standing as place,
        lead(group_scores.group_number) over standing as next_group_number,
        lead(group_scores.score) over standing as next_score,
        lead(group_scores.last_visit_date) over standing as next_last_visit_date,
        lead(group_scores.last_preventive_date) over standing as next_last_preventive_date,
        lead(group_scores.allowed_cents) over standing as next_allowed_cents
    from group_scores
    left join sole_groups
        on
            group_scores.person_key = sole_groups.person_key
            and group_scores.snapshot_number = sole_groups.snapshot_number
    where sole_groups.person_key is null
    window standing as (
        partition by group_scores.person_key, group_scores.snapshot_number
        order by
            group_scores.score desc,
            group_scores.last_visit_date desc,
            group_scores.last_preventive_date desc nulls last,
            group_scores.allowed_cents desc,
            group_scores.group_number
    )

),

winning_groups as (

    select
        person_key,
        snapshot_number,
        tier,
        group_number,
        clinicians,
        smallest_npi,
        score,
        last_visit_date,
        next_group_number as runner_up_group_number,
        next_score as runner_up_score,
        case
            when score > next_score then null
            when last_visit_date > next_last_visit_date then 1
            when
                coalesce(last_preventive_date, date '1900-01-01')
                > coalesce(next_last_preventive_date, date '1900-01-01')
                then 2
            when allowed_cents > next_allowed_cents then 3
            else 4
        end as tie_break_step
    from placed_groups
    where place = 1
    union all
    select
        person_key,
        snapshot_number,
        tier,
        group_number,
        clinicians,
        smallest_npi,
        score,
        last_visit_date,
        cast(null as bigint) as runner_up_group_number,
        cast(null as bigint) as runner_up_score,
        cast(null as int) as tie_break_step
    from sole_groups

),

-- Only a group of several clinicians has one to choose.
winning_clinicians as (

    select
        clinician_scores.person_key,
        clinician_scores.snapshot_number,
        clinician_scores.rendering_npi
    from clinician_scores
    inner join winning_groups
        on
            clinician_scores.person_key = winning_groups.person_key
            and clinician_scores.snapshot_number = winning_groups.snapshot_number
            and clinician_scores.group_number = winning_groups.group_number
    where winning_groups.clinicians > 1
    qualify row_number() over (
        partition by clinician_scores.person_key, clinician_scores.snapshot_number
        order by
            clinician_scores.score desc,
            clinician_scores.last_visit_date desc,
            clinician_scores.last_preventive_date desc nulls last,
            clinician_scores.allowed_cents desc,
            clinician_scores.rendering_npi
    ) = 1

),

decided as (

    select
        winning_groups.*,
        coalesce(winning_clinicians.rendering_npi, winning_groups.smallest_npi) as npi
    from winning_groups
    left join winning_clinicians
        on
            winning_groups.person_key = winning_clinicians.person_key
            and winning_groups.snapshot_number = winning_clinicians.snapshot_number

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(snapshot_number as int) as from_snapshot_number,
        cast(group_number as bigint) as group_number,
        cast(npi as bigint) as npi,
        cast(runner_up_group_number as bigint) as runner_up_group_number,
        cast(tie_break_step as int) as tie_break_step,
        cast(tier as int) as tier,
        cast(score as bigint) as score,
        cast(runner_up_score as bigint) as runner_up_score,
        cast(last_visit_date as date) as last_visit_date
    from decided

)

select * from final
