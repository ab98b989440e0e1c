-- METHODS B.9, identified: why each member belongs where she does in each snapshot month. A view:
-- publication writes it once, a quarter smaller without the months in which a person was neither
-- covered nor just lost.

{{ config(materialized=light_materialization()) }}

with

attributions as (

    select * from {{ ref('int_member_attribution') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

final as (

    select
        cast(persons.payer as string) as payer,
        cast(persons.person_id as string) as person_id,
        cast(attributions.program_id as string) as program_id,
        cast(attributions.partner_id as string) as partner_id,
        cast(attributions.practice_id as string) as practice_id,
        cast(lpad(cast(attributions.npi as string), 10, '0') as string) as npi,
        cast(attributions.group_key as string) as group_key,
        cast(attributions.reason as string) as reason,
        cast(attributions.status as string) as status,
        cast(attributions.runner_up_group as string) as runner_up_group,
        cast(attributions.tie_break as string) as tie_break,
        cast(attributions.previous_program_id as string) as previous_program_id,
        cast(attributions.tier as int) as tier,
        cast(attributions.score as bigint) as score,
        cast(attributions.runner_up_score as bigint) as runner_up_score,
        cast(attributions.margin as bigint) as margin,
        cast(attributions.is_attributed_elsewhere as boolean) as is_attributed_elsewhere,
        cast(attributions.has_roster_note as boolean) as has_roster_note,
        cast(attributions.snapshot_date as date) as snapshot_date,
        cast(attributions.last_visit_date as date) as last_visit_date
    from attributions
    inner join persons on attributions.person_key = persons.person_key
    where attributions.reason <> 'NOT_COVERED' or attributions.status is not null

)

select * from final
