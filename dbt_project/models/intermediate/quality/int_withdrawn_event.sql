-- METHODS D.0, gap reopening: services that a claim once told of and a later delivery took away:
-- its line does not stand any more (A.1), and no other claim tells of the service on that day. What
-- came and went in one delivery was never seen.

with

lines as (

    select
        contested.*,
        deliveries.delivered_on
    from {{ ref('int_claim_line_contested') }} as contested
    inner join {{ ref('stg_ledger__delivery_selected') }} as deliveries
        on contested.delivery_order = deliveries.delivery_order

),

resolved as (

    select * from {{ ref('int_claim_line_resolved') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

code_concepts as (

    select * from {{ ref('int_code_concept') }} where code_system = 'hcpcs'

),

placed as (

    select
        lines.payer,
        lines.person_id,
        lines.hcpcs_code,
        lines.units,
        lines.from_date,
        lines.delivered_on,
        resolved.disposition,
        max(lines.delivered_on) over (
            partition by resolved.payer, resolved.claim_family_id
        ) as last_delivered_on
    from lines
    inner join resolved
        on
            lines.payer = resolved.payer
            and lines.delivery_order = resolved.delivery_order
            and lines.row_number = resolved.row_number

),

withdrawn as (

    select
        persons.person_key,
        code_concepts.concept_key,
        placed.from_date as event_date,
        min(placed.delivered_on) as delivered_on,
        max(placed.last_delivered_on) as withdrawn_on
    from placed
    inner join persons
        on placed.payer = persons.payer and placed.person_id = persons.person_id
    inner join code_concepts on placed.hcpcs_code = code_concepts.code
    where
        placed.disposition not in ('final', 'duplicate')
        and placed.last_delivered_on > placed.delivered_on
        and coalesce(placed.units, 0) >= 0
    group by persons.person_key, code_concepts.concept_key, placed.from_date

),

final as (

    select
        withdrawn.person_key,
        cast(withdrawn.concept_key as int) as concept_key,
        cast(withdrawn.event_date as date) as event_date,
        cast(withdrawn.delivered_on as date) as delivered_on,
        cast(withdrawn.withdrawn_on as date) as withdrawn_on
    from withdrawn
    anti join {{ ref('int_clinical_event') }} as events
        on
            withdrawn.person_key = events.person_key
            and withdrawn.concept_key = events.concept_key
            and withdrawn.event_date = events.event_date

)

select * from final
