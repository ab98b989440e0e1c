{{ config(materialized='ephemeral') }}

-- METHODS D.1 M29: as M29, within 30 days.

with

{{ mental_health_follow_up('M29B', 30) }}

select * from final
