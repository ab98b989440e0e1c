-- METHODS B.6: every member of a program has a status of belonging, and nobody else has one.
{{ config(meta={'dagster': {'ref': {'name': 'int_attribution_status'}}}) }}

select
    decided.person_key,
    decided.snapshot_number
from {{ ref('int_attribution_decided') }} as decided
left join {{ ref('int_attribution_status') }} as statuses
    on
        decided.person_key = statuses.person_key
        and decided.snapshot_number = statuses.snapshot_number
where
    decided.is_in_program
    <> coalesce(statuses.status in ('NEW', 'RETAINED', 'RETURNED'), false)
