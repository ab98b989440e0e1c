-- METHODS E.2: refills that are due, late, skipped or given up, of members of the newest panels: the
-- worklist of skipped refills. Who is on track, or cannot be asked, is not in it.

with

refills as (

    select *
    from {{ ref('int_refill') }}
    where state <> 'ON_TRACK' and suppressed_by is null

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
        cast(refills.drug_class as string) as drug_class,
        cast(refills.state as string) as state,
        cast(refills.fill_dates as int) as fill_dates,
        cast(refills.days_late as int) as days_late,
        cast(refills.days_missable as int) as days_missable,
        cast(refills.priority as int) as priority,
        cast(refills.last_fill_date as date) as last_fill_date,
        cast(refills.runout_date as date) as runout_date,
        cast(refills.evaluation_date as date) as evaluation_date
    from refills
    inner join persons on refills.person_key = persons.person_key
    inner join decided on refills.person_key = decided.person_key
    inner join groups on decided.group_number = groups.group_number
    left join program_clinicians
        on
            decided.payer_key = program_clinicians.payer_key
            and decided.npi = program_clinicians.npi
            and decided.group_number = program_clinicians.group_number
            and decided.snapshot_number = program_clinicians.snapshot_number

)

select * from final
