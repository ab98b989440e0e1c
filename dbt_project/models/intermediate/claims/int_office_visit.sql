-- METHODS A.6: an office or telehealth visit is a distinct person, clinician and day.

with

claim_lines as (

    select * from {{ ref('int_claim_line') }}

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(coalesce(rendering_npi, billing_npi) as bigint) as rendering_npi,
        cast(bool_and(service_category = 20) as boolean) as is_telehealth,
        cast(from_date as date) as visit_date
    from claim_lines
    where service_category in (20, 21) and is_counted
    group by person_key, coalesce(rendering_npi, billing_npi), from_date

)

select * from final
