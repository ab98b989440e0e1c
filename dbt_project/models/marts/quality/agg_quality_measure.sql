{%- set counts = [
    'measure_year', 'measure_id', 'measure_version', 'is_measurable', 'denominator_count',
    'numerator_count', 'excluded_count',
] -%}
-- METHODS D.1 and J.3: how many members of each panel meet each measure, and of its market: members
-- attributed to other groups (the basis for inference) and the whole market. Programs' rows have no
-- practice. Rates have a Wilson interval. A measure whose evidence no sender gave has no rate.

with

results as (

    select * from {{ ref('int_measure_result') }}

),

years as (

    select * from {{ ref('int_measure_year') }} where not is_worklist_year

),

members as (

    select * from {{ ref('int_quality_member') }}

),

programs as (

    select * from {{ ref('int_program_market') }}

),

persons as (

    select
        person_key,
        payer
    from {{ ref('int_person') }}

),

practices as (

    select * from {{ ref('int_practice') }}

),

measures as (

    select * from {{ ref('quality_measure') }}

),

cells as (

    select
        results.measure_year,
        results.measure_id,
        results.measure_version,
        persons.payer,
        members.market_area_id,
        members.program_id,
        members.practice_id,
        members.is_attributed_elsewhere,
        bool_or(results.is_measurable) as is_measurable,
        sum(case when results.is_denominator then 1 else 0 end) as denominator_count,
        sum(case when results.is_numerator then 1 else 0 end) as numerator_count,
        sum(case when results.is_denominator then 0 else 1 end) as excluded_count
    from results
    inner join years on results.measure_year = years.measure_year
    inner join members
        on results.measure_year = members.measure_year and results.person_key = members.person_key
    inner join persons on results.person_key = persons.person_key
    group by
        results.measure_year,
        results.measure_id,
        results.measure_version,
        persons.payer,
        members.market_area_id,
        members.program_id,
        members.practice_id,
        members.is_attributed_elsewhere

),

market_cells as (

    select
        programs.program_id as compared_program_id,
        cells.is_attributed_elsewhere,
        cells.{{ counts | join(',\n        cells.') }}
    from programs
    inner join cells
        on programs.payer = cells.payer and programs.market_area_id = cells.market_area_id

),

placed as (

    select
        program_id,
        'panel' as population,
        cast(null as string) as practice_id,
        {{ counts | join(',\n        ') }}
    from cells
    where program_id is not null
    union all
    select
        program_id,
        'panel' as population,
        coalesce(practice_id, 'none') as practice_id,
        {{ counts | join(',\n        ') }}
    from cells
    where program_id is not null
    union all
    select
        compared_program_id as program_id,
        'attributed_elsewhere' as population,
        cast(null as string) as practice_id,
        {{ counts | join(',\n        ') }}
    from market_cells
    where is_attributed_elsewhere
    union all
    select
        compared_program_id as program_id,
        'whole_market' as population,
        cast(null as string) as practice_id,
        {{ counts | join(',\n        ') }}
    from market_cells

),

added_up as (

    select
        measure_year,
        measure_id,
        measure_version,
        program_id,
        population,
        practice_id,
        bool_or(is_measurable) as is_measurable,
        cast(sum(denominator_count) as bigint) as denominator_count,
        cast(sum(numerator_count) as bigint) as numerator_count,
        cast(sum(excluded_count) as bigint) as excluded_count
    from placed
    group by measure_year, measure_id, measure_version, program_id, population, practice_id

),

final as (

    select
        cast(added_up.measure_year as int) as measure_year,
        cast(added_up.measure_id as string) as measure_id,
        cast(added_up.program_id as string) as program_id,
        cast(added_up.population as string) as population,
        cast(added_up.practice_id as string) as practice_id,
        cast(practices.practice_name as string) as practice_name,
        cast(measures.measure_name as string) as measure_name,
        cast(measures.measure_family as string) as measure_family,
        cast(added_up.measure_version as string) as measure_version,
        cast(added_up.denominator_count as bigint) as denominator_count,
        cast(
            case when added_up.is_measurable then added_up.numerator_count end as bigint
        ) as numerator_count,
        cast(added_up.excluded_count as bigint) as excluded_count,
        cast(
            case
                when added_up.is_measurable
                    then {{ rounded_quotient(
                        'added_up.numerator_count * 10000', 'added_up.denominator_count'
                    ) }} * 0.0001
            end as decimal(7, 4)
        ) as rate,
        cast(
            case
                when added_up.is_measurable
                    then {{ wilson_bound(
                        'added_up.numerator_count', 'added_up.denominator_count', 'lower'
                    ) }}
            end as decimal(7, 4)
        ) as wilson_lower,
        cast(
            case
                when added_up.is_measurable
                    then {{ wilson_bound(
                        'added_up.numerator_count', 'added_up.denominator_count', 'upper'
                    ) }}
            end as decimal(7, 4)
        ) as wilson_upper,
        cast(measures.is_higher_better as boolean) as is_higher_better,
        cast(added_up.is_measurable as boolean) as is_measurable
    from added_up
    inner join measures
        on
            added_up.measure_id = measures.measure_id
            and added_up.measure_version = measures.measure_version
    left join practices
        on
            added_up.program_id = practices.program_id
            and added_up.practice_id = practices.practice_id

)

select * from final
