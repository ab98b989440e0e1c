{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook='{{ forget_changed_months(\"snapshot_number\") }}'
    )
}}

-- METHODS B.3, all steps in order, for every person ever medically covered and every snapshot
-- month: exactly one step decides. Steps stay numbers here; int_member_attribution names them.
--   1 not covered   2 product excluded   3 too few months          step 0 of B.3, not eligible
--   4 selected clinician in a program    5 selected, outside        step 1
--   6 visits                                                        steps 2 to 6
--   7 prescriptions                                                 step 7
--   8 unattributed                                                  step 8

with

coverage_spans as (

    select * from {{ ref('int_coverage_span') }} where coverage_kind = 'medical'

),

persons as (

    select * from {{ with_changed_month(ref('int_person')) }} as persons

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

rules as (

    select * from {{ ref('int_payer_rule') }}

),

member_months as (

    select *
    from {{ with_changed_month(ref('int_member_month_counted')) }} as member_months
    where is_medical

),

selections as (

    select * from {{ ref('int_selected_clinician_month') }}

),

clinician_months as (

    select * from {{ ref('int_clinician_month') }}

),

visit_runs as (

    select
        by_visit.*,
        evaluations.next_snapshot_number as until_snapshot_number,
        evaluations.changed_month_number
    from {{ ref('int_attribution_by_visit') }} as by_visit
    inner join {{ with_changed_month(ref('int_attribution_evaluation')) }} as evaluations
        on
            by_visit.person_key = evaluations.person_key
            and by_visit.from_snapshot_number = evaluations.snapshot_number
            and evaluations.changed_month_number < evaluations.next_snapshot_number

),

by_fill as (

    select * from {{ ref('int_attribution_by_fill') }}

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

-- The runs differ in few pairs of first and last month: each pair is spelt out once.
run_months as (

    select
        bounds.from_snapshot_number,
        bounds.until_snapshot_number,
        spine.snapshot_number
    from (
        select distinct from_snapshot_number, until_snapshot_number from visit_runs
    ) as bounds
    inner join (select distinct snapshot_number from snapshots) as spine
        on
            bounds.from_snapshot_number <= spine.snapshot_number
            and bounds.until_snapshot_number > spine.snapshot_number

),

by_visit as (

    select
        visit_runs.*,
        run_months.snapshot_number
    from visit_runs
    inner join run_months
        on
            visit_runs.from_snapshot_number = run_months.from_snapshot_number
            and visit_runs.until_snapshot_number = run_months.until_snapshot_number
            and visit_runs.changed_month_number <= run_months.snapshot_number

),

snapshot_member_months as (

    select
        member_months.person_key,
        member_months.payer_key,
        member_months.month_number as snapshot_number,
        member_months.is_program_product
    from member_months
    inner join snapshots
        on
            member_months.payer_key = snapshots.payer_key
            and member_months.month_number = snapshots.snapshot_number
            and member_months.changed_month_number <= snapshots.snapshot_number

),

-- Only payers that ask for more than the month itself pay for this count.
too_few_months as (

    select
        snapshot_months.person_key,
        snapshot_months.month_number
    from member_months as snapshot_months
    inner join rules
        on
            snapshot_months.payer_key = rules.payer_key
            and rules.min_member_months > 1
            and snapshot_months.changed_month_number <= snapshot_months.month_number
    inner join member_months as earlier_months
        on
            snapshot_months.person_key = earlier_months.person_key
            and earlier_months.month_number
            between snapshot_months.month_number - 11 and snapshot_months.month_number
    group by
        snapshot_months.person_key,
        snapshot_months.month_number,
        rules.min_member_months
    having count(*) < rules.min_member_months

),

chosen as (

    select
        selections.person_key,
        selections.month_number as snapshot_number,
        selections.selected_pcp_npi,
        clinician_months.pcp_program_group_number,
        clinician_months.program_group_number,
        clinician_months.tin_group_number
    from selections
    inner join persons on selections.person_key = persons.person_key
    inner join clinician_months
        on
            persons.payer_key = clinician_months.payer_key
            and selections.selected_pcp_npi = clinician_months.npi
            and selections.month_number = clinician_months.snapshot_number

),

-- A selection of a clinician whom neither roster nor
-- directory knows on the date is not valid; a clinician who is in a program, but not as primary
-- care, is no primary-care selection either.
judged as (

    select
        member_months.person_key,
        member_months.payer_key,
        member_months.snapshot_number,
        case
            when not member_months.is_program_product then 2
            when too_few_months.person_key is not null then 3
            when chosen.pcp_program_group_number is not null then 4
            when
                chosen.person_key is not null
                and chosen.program_group_number is null
                and rules.is_selection_binding
                then 5
            when by_visit.person_key is not null then 6
            when by_fill.person_key is not null then 7
            else 8
        end as step,
        chosen.selected_pcp_npi,
        chosen.pcp_program_group_number,
        chosen.tin_group_number,
        by_visit.group_number as visit_group_number,
        by_visit.npi as visit_npi,
        by_visit.tier,
        by_visit.score as visit_score,
        by_visit.last_visit_date,
        by_visit.runner_up_group_number as visit_runner_up_group_number,
        by_visit.runner_up_score as visit_runner_up_score,
        by_visit.tie_break_step as visit_tie_break_step,
        by_fill.group_number as fill_group_number,
        by_fill.npi as fill_npi,
        by_fill.score as fill_score,
        by_fill.runner_up_group_number as fill_runner_up_group_number,
        by_fill.runner_up_score as fill_runner_up_score,
        by_fill.tie_break_step as fill_tie_break_step
    from snapshot_member_months as member_months
    inner join rules on member_months.payer_key = rules.payer_key
    left join too_few_months
        on
            member_months.person_key = too_few_months.person_key
            and member_months.snapshot_number = too_few_months.month_number
    left join chosen
        on
            member_months.person_key = chosen.person_key
            and member_months.snapshot_number = chosen.snapshot_number
    left join by_visit
        on
            member_months.person_key = by_visit.person_key
            and member_months.snapshot_number = by_visit.snapshot_number
    left join by_fill
        on
            member_months.person_key = by_fill.person_key
            and member_months.snapshot_number = by_fill.snapshot_number

),

decided as (

    select
        person_key,
        payer_key,
        snapshot_number,
        step,
        case step
            when 4 then pcp_program_group_number
            when 5 then tin_group_number
            when 6 then visit_group_number
            when 7 then fill_group_number
        end as group_number,
        case step
            when 4 then selected_pcp_npi
            when 5 then selected_pcp_npi
            when 6 then visit_npi
            when 7 then fill_npi
        end as npi,
        case step when 6 then tier end as tier,
        case step when 6 then visit_score when 7 then fill_score end as score,
        case step
            when 6 then visit_runner_up_group_number
            when 7 then fill_runner_up_group_number
        end as runner_up_group_number,
        case step
            when 6 then visit_runner_up_score
            when 7 then fill_runner_up_score
        end as runner_up_score,
        case step
            when 6 then visit_tie_break_step
            when 7 then fill_tie_break_step
        end as tie_break_step,
        case when step in (4, 5, 6) then last_visit_date end as last_visit_date
    from judged

),

-- Persons ever covered who are not members in some snapshot month.
persons_with_gaps as (

    select
        persons.person_key,
        persons.payer_key,
        persons.changed_month_number
    from persons
    inner join (
        select
            bounds.payer_key,
            bounds.changed_month_number,
            count(*) as snapshots
        from (select distinct payer_key, changed_month_number from persons) as bounds
        inner join snapshots
            on
                bounds.payer_key = snapshots.payer_key
                and bounds.changed_month_number <= snapshots.snapshot_number
        group by bounds.payer_key, bounds.changed_month_number
    ) as counts
        on
            persons.payer_key = counts.payer_key
            and persons.changed_month_number = counts.changed_month_number
    left join (
        select person_key, count(*) as months from snapshot_member_months group by person_key
    ) as covered
        on persons.person_key = covered.person_key
    where
        coalesce(covered.months, 0) < counts.snapshots
        and persons.person_key in (select person_key from coverage_spans)

),

not_covered as (

    select
        persons_with_gaps.person_key,
        persons_with_gaps.payer_key,
        snapshots.snapshot_number
    from persons_with_gaps
    inner join snapshots
        on
            persons_with_gaps.payer_key = snapshots.payer_key
            and persons_with_gaps.changed_month_number <= snapshots.snapshot_number
    left join snapshot_member_months
        on
            persons_with_gaps.person_key = snapshot_member_months.person_key
            and snapshots.snapshot_number = snapshot_member_months.snapshot_number
    where snapshot_member_months.person_key is null

),

every_month as (

    select * from decided
    union all
    select
        person_key,
        payer_key,
        snapshot_number,
        1 as step,
        cast(null as bigint) as group_number,
        cast(null as bigint) as npi,
        cast(null as int) as tier,
        cast(null as bigint) as score,
        cast(null as bigint) as runner_up_group_number,
        cast(null as bigint) as runner_up_score,
        cast(null as int) as tie_break_step,
        cast(null as date) as last_visit_date
    from not_covered

),

final as (

    select
        cast(every_month.person_key as int) as person_key,
        cast(every_month.payer_key as int) as payer_key,
        cast(every_month.snapshot_number as int) as snapshot_number,
        cast(every_month.group_number as bigint) as group_number,
        cast(every_month.npi as bigint) as npi,
        cast(every_month.runner_up_group_number as bigint) as runner_up_group_number,
        cast(every_month.step as int) as step,
        cast(every_month.tie_break_step as int) as tie_break_step,
        cast(every_month.tier as int) as tier,
        cast(every_month.score as bigint) as score,
        cast(every_month.runner_up_score as bigint) as runner_up_score,
        cast(groups.program_id is not null as boolean) as is_in_program,
        cast(every_month.last_visit_date as date) as last_visit_date
    from every_month
    left join groups on every_month.group_number = groups.group_number

)

select * from final
