{{ config(materialized='ephemeral') }}

-- METHODS D.1 M30: as M30, within 7 days.

with

{{ discharge_follow_up('M30B', 7, ['transition_visit']) }}

select * from final
