-- METHODS E.3: possible problems among the drugs of members of the newest panels, for review by a
-- clinician. Only CRITICAL and HIGH ones go on coordinators' lists.

with

alerts as (

    select * from {{ ref('int_medication_alert') }}

),

panel as (

    {{ newest_panel() }}

),

final as (

    select
        cast(panel.payer as string) as payer,
        cast(panel.person_id as string) as person_id,
        cast(panel.program_id as string) as program_id,
        cast(panel.partner_id as string) as partner_id,
        cast(panel.practice_id as string) as practice_id,
        cast(lpad(cast(panel.npi as string), 10, '0') as string) as npi,
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
    inner join panel on alerts.person_key = panel.person_key

)

select * from final
