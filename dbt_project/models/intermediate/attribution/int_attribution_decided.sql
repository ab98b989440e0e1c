-- METHODS B.3, all steps in order, for every person ever medically covered and every snapshot
-- month: exactly one reason each (B.9).
--   NOT_COVERED, PRODUCT_EXCLUDED, TOO_FEW_MONTHS   step 0, not eligible
--   SELECTED, SELECTED_OTHER                        step 1, chosen clinician in a program / outside
--   VISITS                                          steps 2 to 6
--   RX                                              step 7
--   NONE                                            step 8, unattributed

with

coverage_spans as (

    select * from {{ ref('int_coverage_span') }} where coverage_kind = 'medical'

),

persons as (

    select * from {{ ref('int_person') }}

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

rules as (

    select * from {{ ref('int_payer_rule') }}

),

member_months as (

    select * from {{ ref('int_member_month') }} where is_medical

),

clinician_months as (

    select * from {{ ref('int_clinician_month') }}

),

by_visit as (

    select * from {{ ref('int_attribution_by_visit') }}

),

by_fill as (

    select * from {{ ref('int_attribution_by_fill') }}

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

covered_persons as (

    select distinct
        coverage_spans.person_key,
        persons.payer_key
    from coverage_spans
    inner join persons on coverage_spans.person_key = persons.person_key

),

person_months as (

    select
        covered_persons.person_key,
        covered_persons.payer_key,
        snapshots.snapshot_number,
        snapshots.snapshot_date,
        rules.is_selection_binding
    from covered_persons
    inner join snapshots on covered_persons.payer_key = snapshots.payer_key
    inner join rules on covered_persons.payer_key = rules.payer_key

),

-- Only payers that ask for more than the month itself pay for this count.
too_few_months as (

    select
        snapshot_months.person_key,
        snapshot_months.month_number
    from member_months as snapshot_months
    inner join persons on snapshot_months.person_key = persons.person_key
    inner join rules
        on persons.payer_key = rules.payer_key and rules.min_member_months > 1
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

-- A selection of a clinician whom neither roster nor directory knows on the date is not valid; a
-- clinician in a program, but not as primary care, is no primary-care selection either.
judged as (

    select
        person_months.person_key,
        person_months.payer_key,
        person_months.snapshot_number,
        person_months.snapshot_date,
        member_months.selected_pcp_npi,
        case
            when member_months.person_key is null then 'NOT_COVERED'
            when not member_months.is_program_product then 'PRODUCT_EXCLUDED'
            when too_few_months.person_key is not null then 'TOO_FEW_MONTHS'
            when clinician_months.pcp_program_group_number is not null then 'SELECTED'
            when
                clinician_months.npi is not null
                and clinician_months.program_group_number is null
                and person_months.is_selection_binding
                then 'SELECTED_OTHER'
            when by_visit.person_key is not null then 'VISITS'
            when by_fill.person_key is not null then 'RX'
            else 'NONE'
        end as reason,
        clinician_months.pcp_program_group_number,
        clinician_months.tin_group_number,
        by_visit.group_number as visit_group_number,
        by_visit.npi as visit_npi,
        by_visit.tier,
        by_visit.score as visit_score,
        by_visit.visits,
        by_visit.last_visit_date,
        by_visit.runner_up_group_number as visit_runner_up_group_number,
        by_visit.runner_up_score as visit_runner_up_score,
        by_visit.tie_break as visit_tie_break,
        by_fill.group_number as fill_group_number,
        by_fill.npi as fill_npi,
        by_fill.score as fill_score,
        by_fill.runner_up_group_number as fill_runner_up_group_number,
        by_fill.runner_up_score as fill_runner_up_score,
        by_fill.tie_break as fill_tie_break
    from person_months
    left join member_months
        on
            person_months.person_key = member_months.person_key
            and person_months.snapshot_number = member_months.month_number
    left join too_few_months
        on
            person_months.person_key = too_few_months.person_key
            and person_months.snapshot_number = too_few_months.month_number
    left join clinician_months
        on
            person_months.payer_key = clinician_months.payer_key
            and member_months.selected_pcp_npi = clinician_months.npi
            and person_months.snapshot_number = clinician_months.snapshot_number
    left join by_visit
        on
            person_months.person_key = by_visit.person_key
            and person_months.snapshot_number = by_visit.snapshot_number
    left join by_fill
        on
            person_months.person_key = by_fill.person_key
            and person_months.snapshot_number = by_fill.snapshot_number

),

decided as (

    select
        judged.person_key,
        judged.payer_key,
        judged.snapshot_number,
        judged.snapshot_date,
        judged.reason,
        case judged.reason
            when 'SELECTED' then judged.pcp_program_group_number
            when 'SELECTED_OTHER' then judged.tin_group_number
            when 'VISITS' then judged.visit_group_number
            when 'RX' then judged.fill_group_number
        end as group_number,
        case
            when judged.reason in ('SELECTED', 'SELECTED_OTHER') then judged.selected_pcp_npi
            when judged.reason = 'VISITS' then judged.visit_npi
            when judged.reason = 'RX' then judged.fill_npi
        end as npi,
        case when judged.reason = 'VISITS' then judged.tier end as tier,
        case judged.reason
            when 'VISITS' then judged.visit_score
            when 'RX' then judged.fill_score
        end as score,
        case when judged.reason = 'VISITS' then judged.visits end as visits,
        case judged.reason
            when 'VISITS' then judged.visit_runner_up_group_number
            when 'RX' then judged.fill_runner_up_group_number
        end as runner_up_group_number,
        case judged.reason
            when 'VISITS' then judged.visit_runner_up_score
            when 'RX' then judged.fill_runner_up_score
        end as runner_up_score,
        case judged.reason
            when 'VISITS' then judged.visit_tie_break
            when 'RX' then judged.fill_tie_break
        end as tie_break,
        case
            when
                judged.reason in ('SELECTED', 'SELECTED_OTHER', 'VISITS')
                then judged.last_visit_date
        end as last_visit_date
    from judged

),

final as (

    select
        cast(decided.person_key as int) as person_key,
        cast(decided.payer_key as int) as payer_key,
        cast(decided.snapshot_number as int) as snapshot_number,
        cast(decided.group_number as int) as group_number,
        cast(decided.npi as bigint) as npi,
        cast(decided.runner_up_group_number as int) as runner_up_group_number,
        cast(decided.reason as string) as reason,
        cast(decided.tie_break as string) as tie_break,
        cast(decided.tier as int) as tier,
        cast(decided.score as bigint) as score,
        cast(decided.visits as int) as visits,
        cast(decided.runner_up_score as bigint) as runner_up_score,
        cast(groups.program_id is not null as boolean) as is_in_program,
        cast(decided.snapshot_date as date) as snapshot_date,
        cast(decided.last_visit_date as date) as last_visit_date
    from decided
    left join groups on decided.group_number = groups.group_number

)

select * from final
