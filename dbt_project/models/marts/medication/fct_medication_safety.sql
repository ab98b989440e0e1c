-- METHODS E.3: possible problems among the drugs of members of the newest panels, for review by a
-- clinician. Only CRITICAL and HIGH ones go on coordinators' lists.

with

alerts as (

    select * from {{ ref('int_medication_alert') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

program_clinicians as (

    select * from {{ ref('int_program_clinician_month') }}

),

-- The newest panels.
newest as (

    select
        payer_key,
        max(snapshot_number) as snapshot_number
    from {{ ref('int_attribution_snapshot') }}
    group by payer_key

),

decided as (

    select decided.*
    from {{ ref('int_attribution_decided') }} as decided
    inner join newest
        on
            decided.payer_key = newest.payer_key
            and decided.snapshot_number = newest.snapshot_number
    where decided.is_in_program

),

final as (

    select
        cast(persons.payer as string) as payer,
        cast(persons.person_id as string) as person_id,
        cast(groups.program_id as string) as program_id,
        cast(program_clinicians.partner_id as string) as partner_id,
        cast(program_clinicians.practice_id as string) as practice_id,
        cast(lpad(cast(decided.npi as string), 10, '0') as string) as npi,
        cast(alerts.rule_id as string) as rule_id,
        cast(alerts.rule_kind as string) as rule_kind,
        cast(alerts.grade as string) as grade,
        cast(alerts.group_a as string) as group_a,
        cast(alerts.group_b as string) as group_b,
        cast(alerts.ingredient_a as string) as ingredient_a,
        cast(alerts.ingredient_b as string) as ingredient_b,
        cast(alerts.days_together as int) as days_together,
        cast(alerts.is_switch as boolean) as is_switch,
        cast(alerts.last_date = alerts.evaluation_date as boolean) as is_current,
        cast(alerts.first_date as date) as first_date,
        cast(alerts.last_date as date) as last_date,
        cast(alerts.evaluation_date as date) as evaluation_date
    from alerts
    inner join persons on alerts.person_key = persons.person_key
    inner join decided on alerts.person_key = decided.person_key
    inner join groups on decided.group_number = groups.group_number
    left join program_clinicians
        on
            decided.payer_key = program_clinicians.payer_key
            and decided.npi = program_clinicians.npi
            and decided.group_number = program_clinicians.group_number
            and decided.snapshot_number = program_clinicians.snapshot_number

)

select * from final
