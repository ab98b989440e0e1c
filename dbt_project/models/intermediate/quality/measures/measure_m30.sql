{{ config(materialized='ephemeral') }}

-- METHODS D.1 M30: discharges home from an acute stay (the last one of a chain of transfers),
-- followed by a visit to primary care or a transition visit within 14 days, the day of discharge
-- not counted. A readmission before any such visit excludes.

with

{{ discharge_follow_up('M30', 14, ['transition_visit']) }}

select * from final
