-- FAULTS 46: a service before its member's birth or after her death, of which another feed knows,
-- is kept and told here. No member month lies there after a death, so no count or rate takes it.
{{ config(severity='warn', meta={'dagster': {'ref': {'name': 'int_claim_line'}}}) }}
select
    claim_lines.person_key,
    claim_lines.claim_key,
    claim_lines.from_date,
    claim_lines.allowed_cents
from {{ ref('int_claim_line') }} as claim_lines
inner join {{ ref('int_person') }} as persons
    on claim_lines.person_key = persons.person_key
where claim_lines.from_date < persons.birth_date or claim_lines.from_date > persons.death_date
