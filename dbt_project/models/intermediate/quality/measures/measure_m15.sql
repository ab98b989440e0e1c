{{ config(materialized='ephemeral') }}

-- METHODS D.1 M15: visits for acute bronchitis or bronchiolitis without an antibiotic.

with

{{ visits_without_antibiotic(
    'M15', ['acute_bronchitis'], ['antibiotic_indication', 'pharyngitis']
) }}

select * from final
