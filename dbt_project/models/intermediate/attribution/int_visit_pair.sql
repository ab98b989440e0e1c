-- The distinct clinicians and billing TINs of primary-care visits: whom a visit is credited to
-- depends on the pair and the date, never on the member, so it is decided once per pair.

with

visits as (

    select * from {{ ref('int_primary_care_visit') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

pairs as (

    select distinct
        persons.payer_key,
        visits.rendering_npi,
        visits.billing_tin
    from visits
    inner join persons on visits.person_key = persons.person_key
    where visits.rendering_npi is not null

),

final as (

    select
        cast(
            row_number() over (
                order by payer_key, rendering_npi, billing_tin nulls last
            ) as int
        ) as pair_number,
        cast(payer_key as int) as payer_key,
        cast(rendering_npi as bigint) as rendering_npi,
        cast(billing_tin as bigint) as billing_tin
    from pairs

)

select * from final
