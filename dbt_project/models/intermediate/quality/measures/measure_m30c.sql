{{ config(materialized='ephemeral') }}

-- METHODS D.1 M30: as M30, within 30 days.

with

{{ discharge_follow_up('M30C', 30, ['transition_visit']) }}

select * from final
