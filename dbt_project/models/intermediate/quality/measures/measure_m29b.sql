{{ config(materialized='ephemeral') }}

-- METHODS D.1 M29: discharges of 1 January to 1 December after a stay for mental illness, followed
-- by a behavioral visit within 30 days, the day of discharge not counted. Of discharges followed by
-- another such stay within 30 days the last one counts alone.

with

aged as (

    {{ measure_members('M29B') }}

),

stays as (

    {{ mental_health_stays() }}

),

members as (

    {{ last_mental_health_discharges() }}

),

services as (

    {{ follow_up_visits(['behavioral_visit'], 30) }}

),

{{ measure_rows(
    has_exclusions=false,
    is_event_based=true,
    due_date=date_plus_days('measured_date', 30)
) }}

select * from final
