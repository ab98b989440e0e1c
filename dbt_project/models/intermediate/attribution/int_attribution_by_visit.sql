-- METHODS B.3 steps 2 to 6: the group with the plurality of qualifying visits in the look-back.
-- Step 3: with any tier-1 visit to anyone, tier-2 visits do not count, so tier leads the order.
-- Step 5, ties: 1 latest visit, 2 latest preventive visit, 3 higher allowed amount, 4 smallest
-- group key.
-- Step 6: the clinician within the group by the same order, ending with the smallest NPI.

with

evaluations as (

    select * from {{ ref('int_attribution_evaluation') }}

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

clinician_scores as (

    select
        evaluations.person_key,
        evaluations.snapshot_number,
        visits.tier,
        credited.group_number,
        visits.rendering_npi,
        sum(
            case
                when visits.visit_date >= snapshots.recent_start_date
                    then snapshots.points_of_recent_visit
                else snapshots.points_of_earlier_visit
            end
            + snapshots.points_of_cent * visits.allowed_cents
        ) as score,
        max(visits.visit_date) as last_visit_date,
        max(visits.preventive_date) as last_preventive_date,
        sum(visits.allowed_cents) as allowed_cents
    from evaluations
    inner join visits on evaluations.person_key = visits.person_key
    inner join snapshots
        on
            visits.payer_key = snapshots.payer_key
            and evaluations.snapshot_number = snapshots.snapshot_number
            and visits.visit_date between snapshots.window_start_date and snapshots.snapshot_date
    inner join credited
        on
            visits.pair_number = credited.pair_number
            and case
                when snapshots.is_credited_at_service then visits.visit_date
                else snapshots.snapshot_date
            end = credited.credit_date
    left join advanced_practice
        on
            visits.payer_key = advanced_practice.payer_key
            and visits.rendering_npi = advanced_practice.rendering_npi
            and evaluations.snapshot_number = advanced_practice.snapshot_number
    where
        (not visits.is_np_pa or coalesce(advanced_practice.is_primary_care, false))
        and (credited.is_program or not snapshots.is_program_only)
    group by
        evaluations.person_key,
        evaluations.snapshot_number,
        visits.tier,
        credited.group_number,
        visits.rendering_npi

),

group_scores as (

    select
        person_key,
        snapshot_number,
        tier,
        group_number,
        cast(sum(score) as bigint) as score,
        max(last_visit_date) as last_visit_date,
        max(last_preventive_date) as last_preventive_date,
        cast(sum(allowed_cents) as bigint) as allowed_cents
    from clinician_scores
    group by person_key, snapshot_number, tier, group_number

),

placed_groups as (

    select
        *,
        row_number() over standing as place,
        lead(tier) over standing as next_tier,
        lead(group_number) over standing as next_group_number,
        lead(score) over standing as next_score,
        lead(last_visit_date) over standing as next_last_visit_date,
        lead(last_preventive_date) over standing as next_last_preventive_date,
        lead(allowed_cents) over standing as next_allowed_cents
    from group_scores
    window standing as (
        partition by person_key, snapshot_number
        order by
            tier,
            score desc,
            last_visit_date desc,
            last_preventive_date desc nulls last,
            allowed_cents desc,
            group_number
    )

),

winning_groups as (

    select * from placed_groups where place = 1

),

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
            and clinician_scores.tier = winning_groups.tier
            and clinician_scores.group_number = winning_groups.group_number
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

-- A runner-up of the other tier did not compete.
decided as (

    select
        winning_groups.person_key,
        winning_groups.snapshot_number,
        winning_clinicians.rendering_npi,
        winning_groups.tier,
        winning_groups.group_number,
        winning_groups.score,
        winning_groups.last_visit_date,
        case
            when winning_groups.next_tier = winning_groups.tier
                then winning_groups.next_group_number
        end as runner_up_group_number,
        case
            when winning_groups.next_tier = winning_groups.tier then winning_groups.next_score
        end as runner_up_score,
        case
            when winning_groups.next_tier is null then null
            when winning_groups.next_tier <> winning_groups.tier then null
            when winning_groups.score > winning_groups.next_score then null
            when winning_groups.last_visit_date > winning_groups.next_last_visit_date
                then 1
            when
                coalesce(winning_groups.last_preventive_date, date '1900-01-01')
                > coalesce(winning_groups.next_last_preventive_date, date '1900-01-01')
                then 2
            when winning_groups.allowed_cents > winning_groups.next_allowed_cents then 3
            else 4
        end as tie_break_step
    from winning_groups
    inner join winning_clinicians
        on
            winning_groups.person_key = winning_clinicians.person_key
            and winning_groups.snapshot_number = winning_clinicians.snapshot_number

),

-- The verdict of an evaluated month holds until the next evaluated month.
held as (

    select
        decided.*,
        evaluations.next_snapshot_number
    from decided
    inner join evaluations
        on
            decided.person_key = evaluations.person_key
            and decided.snapshot_number = evaluations.snapshot_number

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(snapshot_number as int) as from_snapshot_number,
        cast(next_snapshot_number as int) as until_snapshot_number,
        cast(group_number as int) as group_number,
        cast(rendering_npi as bigint) as npi,
        cast(runner_up_group_number as int) as runner_up_group_number,
        cast(tie_break_step as int) as tie_break_step,
        cast(tier as int) as tier,
        cast(score as bigint) as score,
        cast(runner_up_score as bigint) as runner_up_score,
        cast(last_visit_date as date) as last_visit_date
    from held

)

select * from final
