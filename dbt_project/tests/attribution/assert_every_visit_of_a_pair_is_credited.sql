-- A visit whose clinician and TIN have no credit on a date would vanish from a plurality.
{{ config(meta={'dagster': {'ref': {'name': 'int_visit_credit'}}}) }}

select
    pairs.pair_number,
    snapshots.snapshot_date
from {{ ref('int_visit_pair') }} as pairs
inner join {{ ref('int_attribution_snapshot') }} as snapshots
    on pairs.payer_key = snapshots.payer_key
left join {{ ref('int_visit_credit') }} as credits
    on
        pairs.pair_number = credits.pair_number
        and snapshots.snapshot_date = credits.credit_date
where credits.pair_number is null and not snapshots.is_credited_at_service
