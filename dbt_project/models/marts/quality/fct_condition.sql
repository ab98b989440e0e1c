-- METHODS C.1 and C.2: the conditions of the newest panel's members on the run's day, the claims
-- that prove them, and whether the program has a care guide for it. The fifth care guide of a
-- program is whatever its file names as such; until then there are four.

with

members as (

    {{ newest_panel() }}

),

registry as (

    select * from {{ ref('int_condition_registry') }} where basis = 'run'

),

terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

final as (

    select
        cast(members.payer as string) as payer,
        cast(members.person_id as string) as person_id,
        cast(members.program_id as string) as program_id,
        cast(members.practice_id as string) as practice_id,
        cast(lpad(cast(members.npi as string), 10, '0') as string) as npi,
        cast(registry.condition as string) as condition,
        cast(registry.evidence_claim_key as bigint) as evidence_claim_key,
        cast(registry.earlier_evidence_claim_key as bigint) as earlier_evidence_claim_key,
        cast(registry.is_active as boolean) as is_active,
        cast(registry.is_lasting as boolean) as is_lasting,
        cast(registry.has_short_history as boolean) as has_short_history,
        cast(
            terms.care_guide_conditions like concat('%,', registry.condition, ',%') as boolean
        ) as has_care_guide,
        cast(registry.onset_date as date) as onset_date,
        cast(registry.qualify_date as date) as qualify_date,
        cast(registry.last_evidence_date as date) as last_evidence_date
    from registry
    inner join members on registry.person_key = members.person_key
    inner join terms on members.program_id = terms.program_id

)

select * from final
