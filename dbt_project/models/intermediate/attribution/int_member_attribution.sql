-- METHODS B.9: what was decided for every person and snapshot month, with all that explains it.
-- A view: the decision is stored once, as numbers, and named where a reader asks for it.

{{ config(materialized=light_materialization()) }}

with

decided as (

    select * from {{ ref('int_attribution_decided') }}

),

statuses as (

    select * from {{ ref('int_attribution_status') }}

),

program_clinicians as (

    select * from {{ ref('int_program_clinician_month') }}

),

months as (

    select * from {{ ref('int_month') }}

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

final as (

    select
        cast(decided.person_key as int) as person_key,
        cast(decided.snapshot_number as int) as snapshot_number,
        cast(decided.npi as bigint) as npi,
        cast(groups.program_id as string) as program_id,
        cast(program_clinicians.partner_id as string) as partner_id,
        cast(program_clinicians.practice_id as string) as practice_id,
        cast(groups.group_key as string) as group_key,
        cast(
            case decided.step
                when 1 then 'NOT_COVERED'
                when 2 then 'PRODUCT_EXCLUDED'
                when 3 then 'TOO_FEW_MONTHS'
                when 4 then 'SELECTED'
                when 5 then 'SELECTED_OTHER'
                when 6 then 'VISITS'
                when 7 then 'RX'
                when 8 then 'NONE'
            end as string
        ) as reason,
        cast(statuses.status as string) as status,
        cast(runner_up_groups.group_key as string) as runner_up_group,
        cast(
            case decided.tie_break_step
                when 1 then 'LATEST_VISIT'
                when 2 then 'LATEST_PREVENTIVE'
                when 3 then 'ALLOWED'
                when 4 then 'GROUP_KEY'
                when 5 then 'LATEST_FILL'
                when 6 then 'SMALLEST_NPI'
            end as string
        ) as tie_break,
        cast(previous_groups.program_id as string) as previous_program_id,
        cast(decided.tier as int) as tier,
        cast(decided.score as bigint) as score,
        cast(decided.runner_up_score as bigint) as runner_up_score,
        cast(decided.score - coalesce(decided.runner_up_score, 0) as bigint) as margin,
        cast(
            decided.group_number is not null and groups.program_id is null as boolean
        ) as is_attributed_elsewhere,
        cast(coalesce(statuses.has_roster_note, false) as boolean) as has_roster_note,
        cast(months.month_end_date as date) as snapshot_date,
        cast(decided.last_visit_date as date) as last_visit_date
    from decided
    inner join months on decided.snapshot_number = months.month_number
    left join groups on decided.group_number = groups.group_number
    left join groups as runner_up_groups
        on decided.runner_up_group_number = runner_up_groups.group_number
    left join statuses
        on
            decided.person_key = statuses.person_key
            and decided.snapshot_number = statuses.snapshot_number
    left join groups as previous_groups
        on statuses.previous_program_group_number = previous_groups.group_number
    left join program_clinicians
        on
            decided.payer_key = program_clinicians.payer_key
            and decided.npi = program_clinicians.npi
            and decided.group_number = program_clinicians.group_number
            and decided.snapshot_number = program_clinicians.snapshot_number

)

select * from final
