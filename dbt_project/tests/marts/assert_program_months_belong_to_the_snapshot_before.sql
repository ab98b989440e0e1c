-- METHODS B.3: a program's member months of a month are members of its snapshot outcome_lag_months
-- before; there cannot be more of them than that snapshot holds.
{{ config(meta={'dagster': {'ref': {'name': 'agg_program_utilization'}}}) }}

with

panels as (

    select
        agg.program_id,
        {{ date_plus_months(first_of_month('agg.snapshot_date'), 'programs.outcome_lag_months') }}
            as month_start_date,
        sum(agg.members) as members
    from {{ ref('agg_attribution') }} as agg
    inner join {{ ref('dim_program') }} as programs on agg.program_id = programs.program_id
    group by
        agg.program_id,
        {{ date_plus_months(first_of_month('agg.snapshot_date'), 'programs.outcome_lag_months') }}

)

select
    used.program_id,
    used.month_start_date,
    used.member_months,
    panels.members
from {{ ref('agg_program_utilization') }} as used
left join panels
    on
        used.program_id = panels.program_id
        and used.month_start_date = panels.month_start_date
where used.member_months > coalesce(panels.members, 0)
