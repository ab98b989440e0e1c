-- A roster that names a program without a file in data/programs has no panel until one is added.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'stg_ledger__provider_roster'}}}) }}

select
    roster.source_id,
    roster.program_id,
    count(*) as row_count
from {{ ref('stg_ledger__provider_roster') }} as roster
left join {{ ref('stg_ledger__program_terms') }} as terms
    on roster.program_id = terms.program_id
where roster.program_id is not null and terms.program_id is null
group by roster.source_id, roster.program_id
