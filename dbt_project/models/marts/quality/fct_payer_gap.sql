-- METHODS D and C.3: the payer's newest gap report beside our own gaps of the newest year, in the
-- measures it speaks of, and why they differ: what the first rule that fits says.

with

reports as (

    select *
    from {{ ref('stg_ledger__payer_gap') }}
    qualify report_date = max(report_date) over (partition by payer)

),

reported_measures as (

    select
        payer,
        gap_code as measure_id,
        max(report_date) as report_date
    from reports
    group by payer, gap_code

),

items as (

    select
        payer,
        person_id,
        gap_code as measure_id,
        max(report_date) as report_date,
        min(due_date) as due_date
    from reports
    group by payer, person_id, gap_code

),

persons as (

    select * from {{ ref('int_person') }}

),

newest_year as (

    select max(measure_year) as measure_year from {{ ref('int_measure_year') }}

),

gaps as (

    select gaps.*
    from {{ ref('fct_gap') }} as gaps
    inner join newest_year on gaps.measure_year = newest_year.measure_year

),

measured_members as (

    select
        members.person_key,
        members.program_id
    from {{ ref('int_quality_member') }} as members
    inner join newest_year on members.measure_year = newest_year.measure_year
    where members.program_id is not null

),

panel_members as (

    {{ newest_panel() }}

),

listed as (

    select
        items.payer,
        items.person_id,
        items.measure_id,
        coalesce(gaps.program_id, measured_members.program_id) as program_id,
        gaps.state,
        case
            when gaps.state in ('OVERDUE', 'DUE_SOON', 'OPEN', 'MISSED') then 'BOTH'
            else 'PAYER_ONLY'
        end as verdict,
        case
            when gaps.state in ('OVERDUE', 'DUE_SOON', 'OPEN', 'MISSED') then null
            when persons.person_key is null then 'MEMBER_UNKNOWN'
            when panel_members.person_key is null then 'NOT_IN_A_PROGRAM'
            when measured_members.person_key is null then 'NOT_ENROLLED_LONG_ENOUGH'
            when gaps.state is null then 'NOT_IN_POPULATION'
            when gaps.state = 'EXCLUDED' then 'EXCLUDED'
            when gaps.state = 'NOT_ENOUGH_DATA' then 'NOT_ENOUGH_DATA'
            when gaps.closed_on > items.report_date then 'CLOSED_AFTER_REPORT'
            when gaps.closed_seen_on > items.report_date then 'CLOSED_BEFORE_KNOWN_AFTER'
            else 'CLOSED_BEFORE_REPORT'
        end as explanation,
        items.report_date,
        items.due_date as payer_due_date,
        gaps.due_date,
        gaps.evidence_date,
        gaps.closed_seen_on
    from items
    left join gaps
        on
            items.payer = gaps.payer
            and items.person_id = gaps.person_id
            and items.measure_id = gaps.measure_id
    left join persons on items.payer = persons.payer and items.person_id = persons.person_id
    left join measured_members on persons.person_key = measured_members.person_key
    left join panel_members on persons.person_key = panel_members.person_key

),

unlisted as (

    select
        gaps.payer,
        gaps.person_id,
        gaps.measure_id,
        gaps.program_id,
        gaps.state,
        'OURS_ONLY' as verdict,
        case
            when gaps.opened_on > reported_measures.report_date then 'OPENED_AFTER_REPORT'
            when gaps.due_date > reported_measures.report_date then 'DUE_AFTER_REPORT'
            when gaps.evidence_date is not null then 'PAYER_COUNTS_EVIDENCE_LONGER'
            else 'PAYER_KNOWS_OTHERWISE'
        end as explanation,
        reported_measures.report_date,
        cast(null as date) as payer_due_date,
        gaps.due_date,
        gaps.evidence_date,
        gaps.closed_seen_on
    from gaps
    inner join reported_measures
        on gaps.payer = reported_measures.payer and gaps.measure_id = reported_measures.measure_id
    anti join items
        on
            gaps.payer = items.payer
            and gaps.person_id = items.person_id
            and gaps.measure_id = items.measure_id
    where gaps.state in ('OVERDUE', 'DUE_SOON', 'OPEN')

),

final as (

    select
        cast(payer as string) as payer,
        cast(person_id as string) as person_id,
        cast(program_id as string) as program_id,
        cast(measure_id as string) as measure_id,
        cast(verdict as string) as verdict,
        cast(explanation as string) as explanation,
        cast(state as string) as state,
        cast(report_date as date) as report_date,
        cast(payer_due_date as date) as payer_due_date,
        cast(due_date as date) as due_date,
        cast(evidence_date as date) as evidence_date,
        cast(closed_seen_on as date) as closed_seen_on
    from (
        select * from listed
        union all
        select * from unlisted
    ) as compared

)

select * from final
