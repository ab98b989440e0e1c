{{ config(materialized='ephemeral') }}

-- METHODS D.1 M30: discharges as in M30, after which the drugs were reconciled within 30 days: a
-- service of its own, or a transition visit.

with

{{ discharge_follow_up(
    'M30D', 30, ['medication_reconciliation', 'transition_visit'], with_primary_care=false
) }}

select * from final
