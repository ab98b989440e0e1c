-- METHODS D.0.2: what visits members had in each measured year, told once for all the measures that
-- ask for a visit.

with

years as (

    select * from {{ ref('int_measure_year') }}

),

primary_care as (

    select
        years.measure_year,
        visits.person_key,
        count(distinct visits.visit_date) as visit_count,
        bool_or(visits.is_preventive) as has_preventive_visit
    from {{ ref('int_primary_care_visit') }} as visits
    inner join years
        on
            visits.visit_date >= years.period_start_date
            and visits.visit_date <= years.evaluation_date
    group by years.measure_year, visits.person_key

),

office as (

    select
        years.measure_year,
        visits.person_key,
        bool_or(not visits.is_telehealth) as has_visit_in_person,
        max(visits.visit_date) as last_office_visit_date
    from {{ ref('int_office_visit') }} as visits
    inner join years
        on
            visits.visit_date >= years.period_start_date
            and visits.visit_date <= years.evaluation_date
    group by years.measure_year, visits.person_key

),

final as (

    select
        cast(coalesce(primary_care.measure_year, office.measure_year) as int) as measure_year,
        cast(coalesce(primary_care.person_key, office.person_key) as int) as person_key,
        cast(coalesce(primary_care.visit_count, 0) as int) as visit_count,
        cast(coalesce(primary_care.has_preventive_visit, false) as boolean)
            as has_preventive_visit,
        cast(coalesce(office.has_visit_in_person, false) as boolean) as has_visit_in_person,
        cast(office.last_office_visit_date as date) as last_office_visit_date
    from primary_care
    full outer join office
        on
            primary_care.measure_year = office.measure_year
            and primary_care.person_key = office.person_key

)

select * from final
