{{ config(materialized='ephemeral') }}

-- METHODS D.1 M18B: children who turn 30 months (180 days after the second birthday) in the year
-- with two well-child visits after 15 months, at least 14 days apart. The next visit is due by the
-- schedule.

with

{{ well_child_visits(
    'M18B',
    first_date=date_plus_days(date_plus_months('birth_date', 12), 91),
    deadline=date_plus_days(date_plus_months('birth_date', 24), 180),
    most=2,
    months=[18, 24]
) }}

select * from final
