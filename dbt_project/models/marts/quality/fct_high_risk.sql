{%- set hr2_threshold = 4 -%}
-- METHODS C.3: the three high-risk categories of the newest panel's members, as of the run's day.
--   HR1  discharged alive in the last 30 days with LACE 10, HOSPITAL 7, an earlier readmission,
--        heart failure or COPD, and not admitted again
--   HR2  a registry condition and four points of int_deterioration_signal
--   HR3  an item of the payer's newest gap report, a gap overdue or due soon in a measure of it, or
--        two open gaps

with

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

members as (

    select *
    from ({{ newest_panel() }}) as panel
    where death_date is null

),

discharges as (

    select
        episodes.person_key,
        risks.high_risk_reason as reasons,
        risks.lace_score as points,
        {{ date_plus_days('episodes.discharge_date', 30) }} as expires_on
    from {{ ref('int_index_stay') }} as episodes
    inner join {{ ref('int_readmission_risk') }} as risks
        on episodes.index_key = risks.index_key
    cross join run
    where
        not episodes.is_open
        and episodes.discharge_date >= {{ date_plus_days('run.as_of', -30) }}
        and episodes.discharge_date <= run.as_of
        and coalesce(episodes.discharge_status_code, '') not in ('20', '40', '41', '42')
        and episodes.next_index_key is null
        and risks.high_risk_reason is not null
    qualify row_number() over (
        partition by episodes.person_key order by episodes.discharge_date desc, episodes.index_key
    ) = 1

),

deteriorations as (

    select
        person_key,
        {{ sorted_concat('signal') }} as reasons,
        sum(points) as points
    from {{ ref('int_deterioration_signal') }}
    group by person_key
    having sum(points) >= {{ hr2_threshold }}

),

weights as (

    select
        measure_id,
        max(weight) as weight
    from {{ ref('quality_measure') }}
    group by measure_id

),

payer_items as (

    select
        payer,
        person_id,
        gap_code as measure_id
    from {{ ref('stg_ledger__payer_gap') }}
    qualify report_date = max(report_date) over (partition by payer)

),

newest_year as (

    select max(measure_year) as measure_year from {{ ref('fct_gap') }}

),

-- A companion rate of another measure is no gap of its own.
own_items as (

    select
        gaps.payer,
        gaps.person_id,
        gaps.measure_id,
        gaps.state,
        gaps.is_well_informed
    from {{ ref('fct_gap') }} as gaps
    inner join newest_year on gaps.measure_year = newest_year.measure_year
    where
        gaps.weight > 0
        and (
            gaps.state = 'OPEN'
            or (gaps.state in ('OVERDUE', 'DUE_SOON') and gaps.is_well_informed)
        )

),

items as (

    select
        payer,
        person_id,
        measure_id,
        'PAYER_REPORT' as reason
    from payer_items
    union all
    select
        payer,
        person_id,
        measure_id,
        case when state = 'OPEN' then 'OPEN_GAPS' else 'GAP_OF_THE_REPORT' end as reason
    from own_items

),

counted as (

    select
        items.payer,
        items.person_id,
        count(*) as gap_count,
        sum(coalesce(weights.weight, 0)) as points
    from (
        select distinct
            payer,
            person_id,
            measure_id
        from items
    ) as items
    left join weights on items.measure_id = weights.measure_id
    group by items.payer, items.person_id

),

reasons as (

    select
        payer,
        person_id,
        {{ sorted_concat('reason') }} as reasons
    from (
        select distinct
            payer,
            person_id,
            reason
        from items
    ) as named
    group by payer, person_id

),

-- One open gap alone is none.
reported as (

    select
        counted.payer,
        counted.person_id,
        reasons.reasons,
        counted.points,
        counted.gap_count
    from counted
    inner join reasons
        on counted.payer = reasons.payer and counted.person_id = reasons.person_id
    where reasons.reasons <> 'OPEN_GAPS' or counted.gap_count >= 2

),

categories as (

    select
        members.*,
        'HR1' as category,
        discharges.reasons,
        discharges.points,
        cast(null as int) as gap_count,
        discharges.expires_on
    from members
    inner join discharges on members.person_key = discharges.person_key
    union all
    select
        members.*,
        'HR2' as category,
        deteriorations.reasons,
        deteriorations.points,
        null as gap_count,
        null as expires_on
    from members
    inner join deteriorations on members.person_key = deteriorations.person_key
    union all
    select
        members.*,
        'HR3' as category,
        reported.reasons,
        reported.points,
        reported.gap_count,
        null as expires_on
    from members
    inner join reported
        on members.payer = reported.payer and members.person_id = reported.person_id

),

final as (

    select
        cast(payer as string) as payer,
        cast(person_id as string) as person_id,
        cast(program_id as string) as program_id,
        cast(partner_id as string) as partner_id,
        cast(practice_id as string) as practice_id,
        cast(lpad(cast(npi as string), 10, '0') as string) as npi,
        cast(category as string) as category,
        cast(reasons as string) as reasons,
        cast(points as int) as points,
        cast(gap_count as int) as gap_count,
        cast(expires_on as date) as expires_on
    from categories

)

select * from final
