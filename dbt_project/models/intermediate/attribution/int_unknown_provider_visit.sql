-- FAULTS 50: visits of clinicians whom no roster or directory knows are kept and counted, and
-- attribute nobody.

with

visits as (

    select * from {{ ref('int_primary_care_visit') }}

),

counted as (

    select
        {{ first_of_month('visit_date') }} as visit_month_start_date,
        count(*) as visits,
        count(distinct person_key) as persons,
        count(distinct rendering_npi) as clinicians
    from visits
    where is_unknown_provider or rendering_npi is null
    group by {{ first_of_month('visit_date') }}

),

final as (

    select
        cast(visits as bigint) as visits,
        cast(persons as bigint) as persons,
        cast(clinicians as bigint) as clinicians,
        cast(visit_month_start_date as date) as visit_month_start_date
    from counted

)

select * from final
