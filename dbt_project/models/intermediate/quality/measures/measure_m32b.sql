{{ config(materialized='ephemeral') }}

-- METHODS D.1 M32: as M32, at least 180 days of supply in the first 231 days.

with

{{ antidepressant_supply('M32B', days=231, least=180) }}

select * from final
