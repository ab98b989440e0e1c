-- METHODS B.2: the visits that may attribute, as narrow rows in person order. Visits of clinicians
-- whom no roster or directory knows stay out (FAULTS 50; counted in int_unknown_provider_visit),
-- and so do those of specialties outside both tiers.

with

visits as (

    select * from {{ ref('int_primary_care_visit') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

pairs as (

    select * from {{ ref('int_visit_pair') }}

),

final as (

    select
        cast(visits.person_key as int) as person_key,
        cast(pairs.payer_key as int) as payer_key,
        cast(pairs.pair_number as int) as pair_number,
        cast(visits.rendering_npi as bigint) as rendering_npi,
        cast(case when visits.is_np_pa then 1 else visits.tier end as int) as tier,
        cast(visits.allowed_cents as bigint) as allowed_cents,
        cast(visits.is_np_pa as boolean) as is_np_pa,
        cast(visits.visit_date as date) as visit_date,
        cast(case when visits.is_preventive then visits.visit_date end as date)
            as preventive_date
    from visits
    inner join persons on visits.person_key = persons.person_key
    inner join pairs
        on
            persons.payer_key = pairs.payer_key
            and visits.rendering_npi = pairs.rendering_npi
            and (
                visits.billing_tin = pairs.billing_tin
                or (visits.billing_tin is null and pairs.billing_tin is null)
            )
    where
        not visits.is_unknown_provider
        and (visits.is_np_pa or visits.tier is not null)
    order by visits.person_key, visits.visit_date, visits.rendering_npi

)

select * from final
