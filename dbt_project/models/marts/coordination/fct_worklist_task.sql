{%- set behavioral -%}
    ('serotonergic', 'ssri', 'mao_inhibitor', 'tricyclic', 'tranylcypromine', 'amphetamine_like',
    'benzodiazepine', 'antipsychotic')
{%- endset -%}
-- METHODS L.1: what a member's coordinator could do for her, one row a task, from claims, measures and
-- the payer's report; the daily step adds discharges (F.4) and takes away what the care log answers.
-- Points: a gap its weight times 5 overdue, 3 due soon, 1 open; a skipped refill 5 times its priority; a
-- question about drugs 60 when critical, 40 when high; a review 12; a referral 8.

with

members as (

    select
        person_key,
        payer,
        person_id
    from {{ ref('int_care_member') }}
    where program_id is not null and is_covered and not is_hospice and death_date is null

),

gaps as (

    select
        gaps.*,
        measures.measure_name
    from {{ ref('fct_gap') }} as gaps
    inner join {{ ref('quality_measure') }} as measures
        on
            gaps.measure_id = measures.measure_id
            and gaps.measure_version = measures.measure_version
    -- A companion rate, which weighs nothing, is no gap of its own.
    where
        gaps.state in ('OVERDUE', 'DUE_SOON', 'OPEN')
        and not measures.is_event_based
        and gaps.weight > 0

),

referrals as (

    select * from {{ ref('int_referral_candidate') }}

),

tasks as (

    select
        payer,
        person_id,
        'GAP' as task,
        measure_id as subject,
        measure_name as title,
        state,
        weight * case state when 'OVERDUE' then 5 when 'DUE_SOON' then 3 else 1 end as points,
        due_date,
        opened_on,
        case
            when evidence_date is null then 'never seen'
            else concat('last seen ', cast(evidence_date as string))
        end as evidence,
        case
            when measure_id = 'M04' then 'reproductive'
            -- Rates of one measure share its number.
            when substr(measure_id, 1, 3) in ('M24', 'M29', 'M32') then 'behavioral_health'
        end as sensitivity
    from gaps
    union all
    select
        payer,
        person_id,
        'HR_REVIEW' as task,
        category as subject,
        case category
            when 'HR1' then 'readmission'
            when 'HR2' then 'getting worse'
            else 'gaps in care'
        end as title,
        'OPEN' as state,
        12 as points,
        cast(null as date) as due_date,
        cast(null as date) as opened_on,
        -- A depression score is no business of a list that may not show it.
        lower(
            replace(replace(replace(reasons, 'depression', 'score'), '_', ' '), ',', ', ')
        ) as evidence,
        cast(null as string) as sensitivity
    from {{ ref('fct_high_risk') }}
    union all
    select
        members.payer,
        members.person_id,
        'REFILL' as task,
        refills.drug_class as subject,
        replace(refills.drug_class, '_', ' ') as title,
        refills.state,
        5 * refills.priority as points,
        refills.runout_date as due_date,
        refills.last_fill_date as opened_on,
        concat(
            cast(refills.days_late as string),
            ' days without, last fill ',
            cast(refills.last_fill_date as string)
        ) as evidence,
        case
            when refills.drug_class in ('antidepressant', 'antipsychotic')
                then 'behavioral_health'
        end as sensitivity
    from {{ ref('int_refill') }} as refills
    inner join members on refills.person_key = members.person_key
    where refills.state = 'SKIPPED' and refills.suppressed_by is null
    union all
    select
        members.payer,
        members.person_id,
        'MED_SAFETY' as task,
        case
            when alerts.ingredient_b is null then concat(alerts.rule_id, ' ', alerts.ingredient_a)
            else concat(alerts.rule_id, ' ', alerts.ingredient_a, '+', alerts.ingredient_b)
        end as subject,
        case
            when alerts.ingredient_b is null then alerts.ingredient_a
            else concat(alerts.ingredient_a, ' with ', alerts.ingredient_b)
        end as title,
        alerts.grade as state,
        case alerts.grade when 'CRITICAL' then 60 else 40 end as points,
        cast(null as date) as due_date,
        alerts.first_date as opened_on,
        concat(
            cast(alerts.days_together as string), ' days, last ', cast(alerts.last_date as string)
        ) as evidence,
        case
            when
                coalesce(alerts.group_a, '') in {{ behavioral }}
                or coalesce(alerts.group_b, '') in {{ behavioral }}
                then 'behavioral_health'
        end as sensitivity
    from {{ ref('int_medication_alert') }} as alerts
    inner join members on alerts.person_key = members.person_key
    where alerts.grade in ('CRITICAL', 'HIGH')
    union all
    select
        payer,
        person_id,
        'REFERRAL' as task,
        support_program as subject,
        replace(support_program, '_', ' ') as title,
        'OPEN' as state,
        8 as points,
        cast(null as date) as due_date,
        cast(null as date) as opened_on,
        reason as evidence,
        case
            when support_program in ('depression', 'stress_management') then 'behavioral_health'
        end as sensitivity
    from referrals

),

final as (

    select
        cast(tasks.payer as string) as payer,
        cast(tasks.person_id as string) as person_id,
        cast(tasks.task as string) as task,
        cast(tasks.subject as string) as subject,
        cast(tasks.title as string) as title,
        cast(tasks.state as string) as state,
        cast(tasks.evidence as string) as evidence,
        cast(tasks.sensitivity as string) as sensitivity,
        cast(tasks.points as int) as points,
        cast(tasks.due_date as date) as due_date,
        cast(tasks.opened_on as date) as opened_on
    from tasks
    inner join members on tasks.payer = members.payer and tasks.person_id = members.person_id

)

select * from final
