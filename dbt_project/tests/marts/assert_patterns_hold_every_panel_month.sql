-- Conservation from months to patterns: persons x months of the published ER patterns equal the
-- panel months of persons with enough months before the period.
{{ config(meta={'dagster': {'ref': {'name': 'int_er_exposure_pattern'}}}) }}

with

patterns as (

    select
        reporting_unit_id,
        period_role,
        sum(persons * member_months) as member_months,
        sum(persons * visits) as visits
    from {{ ref('int_er_exposure_pattern') }}
    where comparison = 'panel' and partner_id is null
    group by reporting_unit_id, period_role

),

panels as (

    select
        member_periods.program_id,
        periods.period_role,
        sum(member_periods.member_months) as member_months,
        sum(member_periods.ed_visits) as visits
    from {{ ref('int_outcome_member_period') }} as member_periods
    inner join {{ ref('int_program_period') }} as periods
        on
            member_periods.program_id = periods.program_id
            and member_periods.period_id = periods.period_id
    inner join {{ ref('stg_ledger__program_terms') }} as terms
        on member_periods.program_id = terms.program_id
    where
        member_periods.prior_member_months >= terms.outcome_min_member_months
        and periods.period_role in ('baseline', 'performance')
    group by member_periods.program_id, periods.period_role

)

select
    panels.program_id,
    panels.period_role,
    panels.member_months,
    patterns.member_months as pattern_member_months
from panels
left join patterns
    on
        panels.program_id = patterns.reporting_unit_id
        and panels.period_role = patterns.period_role
where
    panels.member_months <> coalesce(patterns.member_months, 0)
    or panels.visits <> coalesce(patterns.visits, 0)
