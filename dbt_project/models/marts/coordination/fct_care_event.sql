-- METHODS F.4, steps 4 to 6: what claims tell of programs' members in the thirteen months before the
-- run's day, for lists that are refreshed between nights: emergency visits for LACE, office visits
-- that close a follow-up, stays that messages are held against.

with

run as (

    select
        as_of,
        {{ date_plus_months('as_of', -13) }} as first_date
    from {{ ref('stg_ledger__run') }}

),

members as (

    select
        person_key,
        payer,
        person_id
    from {{ ref('int_care_member') }}
    where program_id is not null

),

events as (

    select
        person_key,
        'ed_visit' as event_kind,
        facility_npi,
        visit_start_date as event_date,
        visit_end_date as end_date
    from {{ ref('int_ed_visit') }}
    union all
    select
        person_key,
        'stay' as event_kind,
        facility_npi,
        admission_date as event_date,
        discharge_date as end_date
    from {{ ref('int_inpatient_stay') }}
    where stay_type in ('acute', 'psychiatric')
    union all
    select
        person_key,
        'office_visit' as event_kind,
        max(rendering_npi) as facility_npi,
        visit_date as event_date,
        visit_date as end_date
    from {{ ref('int_office_visit') }}
    group by person_key, visit_date

),

final as (

    select
        cast(members.payer as string) as payer,
        cast(members.person_id as string) as person_id,
        cast(events.event_kind as string) as event_kind,
        cast(lpad(cast(events.facility_npi as string), 10, '0') as string) as npi,
        cast(events.event_date as date) as event_date,
        cast(events.end_date as date) as end_date
    from events
    inner join members on events.person_key = members.person_key
    inner join run on events.event_date >= run.first_date and events.event_date <= run.as_of

)

select * from final
