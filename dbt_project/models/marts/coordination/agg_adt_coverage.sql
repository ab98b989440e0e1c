-- METHODS F.4, step 5: of the stays that claims tell of, how many their hospital told of while it was
-- telling at all, by the member's program at discharge. A visit told of without a member's number is no
-- stay's here: the coordinators' lists find more of them, by name and birth date.

with

episodes as (

    select * from {{ ref('fct_readmission') }}

),

visits as (

    select
        facility_npi,
        min(admission_date) as first_date,
        max(admission_date) as last_date
    from {{ ref('int_adt_stay_link') }}
    where facility_npi is not null
    group by facility_npi

),

hospitals as (

    select
        episodes.program_id,
        episodes.partner_id,
        episodes.facility_npi,
        count(*) as stays,
        sum(case when episodes.hospital_visit_number is not null then 1 else 0 end) as stays_told,
        min(visits.first_date) as first_date,
        max(visits.last_date) as last_date
    from episodes
    inner join visits
        on
            episodes.facility_npi = visits.facility_npi
            and episodes.admission_date >= visits.first_date
            and episodes.admission_date <= visits.last_date
    group by episodes.program_id, episodes.partner_id, episodes.facility_npi

),

totalled as (

    select * from hospitals
    union all
    select
        program_id,
        partner_id,
        cast(null as string) as facility_npi,
        sum(stays) as stays,
        sum(stays_told) as stays_told,
        min(first_date) as first_date,
        max(last_date) as last_date
    from hospitals
    group by program_id, partner_id

),

final as (

    select
        cast(program_id as string) as program_id,
        cast(partner_id as string) as partner_id,
        cast(facility_npi as string) as facility_npi,
        cast(stays as bigint) as stays,
        cast(stays_told as bigint) as stays_told,
        cast({{ rounded_quotient('stays_told * 10000', 'stays') }} * 0.0001 as decimal(7, 4))
            as told_rate,
        cast(first_date as date) as first_date,
        cast(last_date as date) as last_date
    from totalled

)

select * from final
