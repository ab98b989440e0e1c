{{ config(materialized='ephemeral') }}

-- METHODS D.1 M19: members of 3 to 21 with a well-care visit in the year.

with

members as (

    {{ measure_members('M19') }}

),

services as (

    {{ services_since(['well_visit_child', 'well_visit_older'], 'members.period_start_date') }}

),

{{ measure_rows(has_exclusions=false) }}

select * from final
