{{ config(pre_hook='{{ keep_previous() }}') }}

-- METHODS A.7 step 3: overlapping or adjacent spans of a person are one (next.start <=
-- prev.end + 1), for medical and for pharmacy coverage apart.

with

versions as (

    select * from {{ ref('int_coverage_version') }}

),

kinds as (

    select
        person_key,
        'medical' as coverage_kind,
        coverage_start_date,
        coverage_end_date
    from versions
    where is_medical
    union all
    select
        person_key,
        'rx' as coverage_kind,
        coverage_start_date,
        coverage_end_date
    from versions
    where is_rx

),

reached as (

    select
        person_key,
        coverage_kind,
        coverage_start_date,
        coverage_end_date,
        max(coverage_end_date) over (
            partition by person_key, coverage_kind
            order by coverage_start_date, coverage_end_date
            rows between unbounded preceding and 1 preceding
        ) as reached_date
    from kinds

),

islands as (

    select
        person_key,
        coverage_kind,
        coverage_start_date,
        coverage_end_date,
        sum(
            case
                when {{ date_plus_days('coverage_start_date', -1) }} <= reached_date then 0
                else 1
            end
        ) over (
            partition by person_key, coverage_kind
            order by coverage_start_date, coverage_end_date
            rows between unbounded preceding and current row
        ) as island_number
    from reached

),

merged as (

    select
        person_key,
        coverage_kind,
        min(coverage_start_date) as span_start_date,
        max(coverage_end_date) as span_end_date
    from islands
    group by person_key, coverage_kind, island_number

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(coverage_kind as string) as coverage_kind,
        cast(span_start_date as date) as span_start_date,
        cast(span_end_date as date) as span_end_date
    from merged

)

select * from final
