{{ config(materialized='ephemeral') }}

-- METHODS D.1 M16: visits for an upper respiratory infection without an antibiotic; pharyngitis and
-- tonsillitis compete.

with

{{ visits_without_antibiotic(
    'M16', ['upper_respiratory_infection'], ['antibiotic_indication', 'pharyngitis']
) }}

select * from final
