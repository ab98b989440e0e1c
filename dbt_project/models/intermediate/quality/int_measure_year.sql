-- METHODS D.0: measures are of calendar years. A period that is no calendar year is paid on the last
-- one that ended inside it (my_basis); the year the run's day lies in is for worklists, of programs'
-- members alone.

with

program_periods as (

    select * from {{ ref('int_program_period') }}

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

ended_years as (

    select distinct
        year({{ date_plus_days('period_end_date', 1) }}) - 1 as measure_year,
        false as is_worklist_year
    from program_periods
    where
        period_start_date
        <= make_date(cast(year({{ date_plus_days('period_end_date', 1) }}) - 1 as int), 12, 31)

),

years as (

    select
        measure_year,
        bool_and(is_worklist_year) as is_worklist_year
    from (
        select
            measure_year,
            is_worklist_year
        from ended_years
        union all
        select
            year(as_of) as measure_year,
            true as is_worklist_year
        from run
    ) as named
    group by measure_year

),

dated as (

    select
        years.*,
        make_date(cast(years.measure_year as int), 1, 1) as period_start_date,
        make_date(cast(years.measure_year as int), 12, 31) as period_end_date,
        run.as_of
    from years
    cross join run
    where make_date(cast(years.measure_year as int), 1, 1) <= run.as_of

),

-- The panel of the year's last month, or of the newest snapshot before it.
panels as (

    select
        dated.measure_year,
        max(snapshots.snapshot_number) as snapshot_number
    from dated
    inner join snapshots
        on snapshots.snapshot_number <= {{ month_number('least(dated.period_end_date, dated.as_of)') }}
    group by dated.measure_year

),

final as (

    select
        cast(dated.measure_year as int) as measure_year,
        cast(panels.snapshot_number as int) as snapshot_number,
        cast(dated.is_worklist_year as boolean) as is_worklist_year,
        cast(dated.as_of < dated.period_end_date as boolean) as is_open,
        cast(dated.period_start_date as date) as period_start_date,
        cast(dated.period_end_date as date) as period_end_date,
        cast(least(dated.period_end_date, dated.as_of) as date) as evaluation_date
    from dated
    left join panels on dated.measure_year = panels.measure_year

)

select * from final
