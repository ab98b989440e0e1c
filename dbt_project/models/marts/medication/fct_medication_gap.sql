-- METHODS E.2: refills that are due, late, skipped or given up, of members of the newest panels: the
-- worklist of skipped refills. Who is on track, or cannot be asked, is not in it.

with

refills as (

    select *
    from {{ ref('int_refill') }}
    where state <> 'ON_TRACK' and suppressed_by is null

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
    inner join panel on refills.person_key = panel.person_key

)

select * from final
