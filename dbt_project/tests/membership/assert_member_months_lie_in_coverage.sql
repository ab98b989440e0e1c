-- Conservation of days: the covered days of all segments equal the days of the merged spans inside
-- the months this warehouse speaks of, person by person.
{{ config(meta={'dagster': {'ref': {'name': 'int_coverage_segment'}}}) }}

with

bounds as (

    select
        min(month_start_date) as first_date,
        max(month_end_date) as last_date
    from {{ ref('int_month') }}

),

span_days as (

    select
        spans.person_key,
        sum(
            {{ whole_days_between(
                'greatest(spans.span_start_date, bounds.first_date)',
                'least(spans.span_end_date, bounds.last_date)'
            ) }} + 1
        ) as days
    from {{ ref('int_coverage_span') }} as spans
    inner join bounds
        on
            spans.span_start_date <= bounds.last_date
            and spans.span_end_date >= bounds.first_date
    where spans.coverage_kind = 'medical'
    group by spans.person_key

),

segment_days as (

    select
        person_key,
        sum({{ whole_days_between('segment_start_date', 'segment_end_date') }} + 1) as days
    from {{ ref('int_coverage_segment') }}
    where is_medical
    group by person_key

)

select coalesce(span_days.person_key, segment_days.person_key) as person_key
from span_days
full outer join segment_days on span_days.person_key = segment_days.person_key
where coalesce(span_days.days, 0) <> coalesce(segment_days.days, 0)
