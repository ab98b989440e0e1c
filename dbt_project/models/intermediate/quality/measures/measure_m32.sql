{{ config(materialized='ephemeral') }}

-- METHODS D.1 M32: adults with major depression and a new antidepressant who had at least 84 days
-- of supply in the first 114 days.

with

{{ antidepressant_supply('M32', days=114, least=84) }}

select * from final
