-- FAULTS 48: whatever spans a payer sends, merged spans of a person are apart by a day or more.
select
    person_key,
    span_start_date
from (
    select
        person_key,
        span_start_date,
        lag(span_end_date) over (
            partition by person_key, coverage_kind
            order by span_start_date
        ) as previous_end_date
    from {{ ref('int_coverage_span') }}
) as spans
where {{ date_plus_days('span_start_date', -1) }} <= previous_end_date
