{{ config(materialized='ephemeral') }}

-- METHODS D.1 M06B: members with diabetes whose lowest HbA1c on the most recent day with a result
-- in the year is below 8 percent. The companion of M06; no test is not met.

with

{{ glycemic_status('M06B', '< 8', '< 8', untested_is_numerator=false) }}

select * from final
