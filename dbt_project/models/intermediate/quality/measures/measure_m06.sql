{{ config(materialized='ephemeral') }}

-- METHODS D.1 M06: members with diabetes whose lowest HbA1c on the most recent day with a result in
-- the year is above 9 percent, or that have no value. The bad event is the numerator, so no test is
-- one.

with

{{ glycemic_status('M06', '> 9', '<= 9', untested_is_numerator=true) }}

select * from final
