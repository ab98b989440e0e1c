-- METHODS F.4 step 2, the claims' side: which stay of the claims is the visit that a hospital told of.
-- A visit is a stay's only where hospital, member and day of admission (a day either way, for midnight)
-- agree, and where no other visit or stay fits as well. Nothing is guessed: the rest says why not.

with

messages as (

    select * from {{ ref('stg_ledger__adt_event') }} where visit_number is not null

),

persons as (

    select
        person_key,
        payer,
        person_id
    from {{ ref('int_person') }}

),

stays as (

    select * from {{ ref('int_inpatient_stay') }}

),

-- The last word on whether the visit is an admission, by the time it happened: an admission that was
-- cancelled, or turned into an outpatient visit, is none.
admissions as (

    select
        payer,
        facility_npi,
        visit_number,
        event_type,
        admission_type,
        cast(coalesce(admitted_at, event_at) as date) as admission_date
    from messages
    where event_type in ('A01', 'A06', 'A07', 'A11')
    qualify row_number() over (
        partition by payer, facility_npi, visit_number
        order by event_at desc, message_at desc, delivery_order desc, row_number desc
    ) = 1

),

named as (

    select
        payer,
        facility_npi,
        visit_number,
        min(person_id) as person_id,
        count(distinct person_id) as person_ids
    from messages
    group by payer, facility_npi, visit_number

),

visits as (

    select
        admissions.*,
        named.person_id,
        named.person_ids,
        persons.person_key
    from admissions
    inner join named
        on
            admissions.payer = named.payer
            and admissions.visit_number = named.visit_number
            and admissions.facility_npi is not distinct from named.facility_npi
    left join persons
        on
            admissions.payer = persons.payer
            and named.person_id = persons.person_id
            and named.person_ids = 1
    where admissions.event_type in ('A01', 'A06')

),

pairs as (

    select
        visits.payer,
        visits.facility_npi,
        visits.visit_number,
        stays.stay_key
    from visits
    inner join stays
        on
            visits.person_key = stays.person_key
            and cast(visits.facility_npi as bigint) = stays.facility_npi
            and stays.admission_date
            between {{ date_plus_days('visits.admission_date', -1) }}
            and {{ date_plus_days('visits.admission_date', 1) }}

),

counted as (

    select
        payer,
        facility_npi,
        visit_number,
        stay_key,
        count(*) over (partition by payer, facility_npi, visit_number) as stays_of_visit,
        count(*) over (partition by stay_key) as visits_of_stay
    from pairs

),

fits as (

    select
        payer,
        facility_npi,
        visit_number,
        min(stay_key) as stay_key,
        max(stays_of_visit) as stays_of_visit,
        max(visits_of_stay) as visits_of_stay
    from counted
    group by payer, facility_npi, visit_number

),

judged as (

    select
        visits.*,
        fits.stay_key,
        case
            when visits.person_ids > 1 then 'CONFLICTING_MEMBER_IDS'
            when visits.person_id is null then 'NO_MEMBER_ID'
            when visits.person_key is null then 'UNKNOWN_MEMBER'
            when fits.stay_key is null then 'NO_STAY'
            when fits.stays_of_visit > 1 or fits.visits_of_stay > 1 then 'AMBIGUOUS'
            else 'LINKED'
        end as link_status
    from visits
    left join fits
        on
            visits.payer = fits.payer
            and visits.facility_npi = fits.facility_npi
            and visits.visit_number = fits.visit_number

),

final as (

    select
        cast(payer as string) as payer,
        cast(facility_npi as string) as facility_npi,
        cast(visit_number as string) as visit_number,
        cast(link_status as string) as link_status,
        cast(admission_type as string) as admission_type,
        cast(case when link_status = 'LINKED' then stay_key end as bigint) as stay_key,
        cast(person_key as int) as person_key,
        cast(admission_date as date) as admission_date
    from judged

)

select * from final
