{{ config(materialized='ephemeral') }}

-- METHODS D.1 M05: members with diabetes whose HbA1c, or glucose management indicator, was measured
-- in the year.

with

members as (

    {{ diabetic_members('M05') }}

),

services as (

    {{ services_since(['hba1c'], 'members.period_start_date') }}

),

{{ measure_rows(has_exclusions=false, eligible_date='condition_date') }}

select * from final
