{%- set first_birthday = date_plus_months('birth_date', 12) -%}
{{ config(materialized='ephemeral') }}

-- METHODS D.1 M18: children who turn 15 months (90 days after the first birthday) in the year with
-- six well-child visits until that day, at least 14 days apart. The next visit is due by the
-- schedule.

with

{{ well_child_visits(
    'M18',
    first_date='birth_date',
    deadline=date_plus_days(first_birthday, 90),
    most=6,
    months=[1, 2, 4, 6, 9, 12]
) }}

select * from final
