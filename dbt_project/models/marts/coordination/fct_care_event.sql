-- METHODS F.4, steps 4 to 6: what claims tell of programs' members, provisional ones included, in the
-- thirteen months before the run's day, for lists that are refreshed between nights: emergency visits
-- for LACE, office visits that close a follow-up, stays that messages are held against.

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
    where program_id is not null or encounter_program_id is not null

),

events as (

    select
        visits.person_key,
        'ed_visit' as event_kind,
        visits.facility_npi,
        visits.visit_start_date as event_date,
        visits.visit_end_date as end_date
    from {{ ref('int_ed_visit') }} as visits
    inner join run
        on visits.visit_start_date >= run.first_date and visits.visit_start_date <= run.as_of
    union all
    select
        stays.person_key,
        'stay' as event_kind,
        stays.facility_npi,
        stays.admission_date as event_date,
        stays.discharge_date as end_date
    from {{ ref('int_inpatient_stay') }} as stays
    inner join run on stays.admission_date >= run.first_date and stays.admission_date <= run.as_of
    where stays.stay_type in ('acute', 'psychiatric')
    union all
    -- Of two clinicians of a day one is named.
    select
        visits.person_key,
        'office_visit' as event_kind,
        max(visits.rendering_npi) as facility_npi,
        visits.visit_date as event_date,
        visits.visit_date as end_date
    from {{ ref('int_office_visit') }} as visits
    inner join members on visits.person_key = members.person_key
    inner join run on visits.visit_date >= run.first_date and visits.visit_date <= run.as_of
    group by visits.person_key, visits.visit_date

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

)

select * from final
