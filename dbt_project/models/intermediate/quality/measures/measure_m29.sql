{{ config(materialized='ephemeral') }}

-- METHODS D.1 M29: discharges of 1 January to 1 December after a stay for mental illness, followed
-- by a behavioral visit within 7 days, the day of discharge not counted. Of discharges followed by
-- another such stay within 30 days the last one counts alone.

with

{{ mental_health_follow_up('M29', 7) }}

select * from final
