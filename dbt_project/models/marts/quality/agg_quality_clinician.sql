-- METHODS D.0.7: each measure by the clinician whom the year's last snapshot attributes the member to.
-- For treating users under restricted/, with true counts: a clinician's panel is a small cell.

with

results as (

    select * from {{ ref('int_measure_result') }}

),

years as (

    select * from {{ ref('int_measure_year') }} where not is_worklist_year

),

members as (

    select * from {{ ref('int_quality_member') }} where program_id is not null

),

added_up as (

    select
        results.measure_year,
        results.measure_id,
        members.program_id,
        members.npi,
        min(members.practice_id) as practice_id,
        bool_or(results.is_measurable) as is_measurable,
        sum(case when results.is_denominator then 1 else 0 end) as denominator_count,
        sum(case when results.is_numerator then 1 else 0 end) as numerator_count,
        sum(case when results.is_denominator then 0 else 1 end) as excluded_count
    from results
    inner join years on results.measure_year = years.measure_year
    inner join members
        on results.measure_year = members.measure_year and results.person_key = members.person_key
    group by results.measure_year, results.measure_id, members.program_id, members.npi

),

final as (

    select
        cast(measure_year as int) as measure_year,
        cast(measure_id as string) as measure_id,
        cast(program_id as string) as program_id,
        cast(practice_id as string) as practice_id,
        cast(lpad(cast(npi as string), 10, '0') as string) as npi,
        cast(denominator_count as bigint) as denominator_count,
        cast(case when is_measurable then numerator_count end as bigint) as numerator_count,
        cast(excluded_count as bigint) as excluded_count,
        cast(
            case
                when is_measurable
                    then {{ wilson_bound('numerator_count', 'denominator_count', 'lower') }}
            end as decimal(7, 4)
        ) as wilson_lower,
        cast(
            case
                when is_measurable
                    then {{ wilson_bound('numerator_count', 'denominator_count', 'upper') }}
            end as decimal(7, 4)
        ) as wilson_upper
    from added_up

)

select * from final
