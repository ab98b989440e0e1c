-- METHODS B.2 and B.3 step 2: qualifying visits are distinct person, clinician and day with a
-- primary-care service, not denied, at a place where primary care happens. Where a claim names no
-- rendering clinician the billing one rendered. Whether a specialist's visit counts is decided by
-- the attribution that reads this; visits to clinicians on no roster stay, and decide pluralities.

with

claim_lines as (

    select * from {{ ref('int_claim_line') }}

),

service_codes as (

    select *
    from {{ ref('int_service_code_mapped') }}
    where is_primary_care or is_primary_care_nurse_visit or is_primary_care_add_on

),

clinicians as (

    select * from {{ ref('int_provider_specialty') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

rules as (

    select * from {{ ref('int_claim_rule') }}

),

qualifying_lines as (

    select
        claim_lines.person_key,
        coalesce(claim_lines.rendering_npi, claim_lines.billing_npi) as rendering_npi,
        claim_lines.billing_tin,
        claim_lines.allowed_cents,
        service_codes.is_primary_care
        or (service_codes.is_primary_care_nurse_visit and rules.attribution_include_99211)
            as is_visit,
        service_codes.is_preventive,
        rules.obgyn_as_pcp,
        claim_lines.from_date
    from claim_lines
    inner join service_codes
        on
            claim_lines.hcpcs_code = service_codes.hcpcs_code
            and year(claim_lines.from_date) = service_codes.service_year
    inner join persons on claim_lines.person_key = persons.person_key
    inner join rules on persons.payer = rules.payer
    where
        claim_lines.is_counted
        and (
            claim_lines.place_of_service_code is null
            or rules.attribution_pos_exclude
            not like concat('%,', claim_lines.place_of_service_code, ',%')
        )

),

-- An add-on code is never a visit alone.
visits as (

    select
        person_key,
        rendering_npi,
        min(billing_tin) as billing_tin,
        sum(allowed_cents) as allowed_cents,
        bool_or(is_visit and is_preventive) as is_preventive,
        bool_or(obgyn_as_pcp) as obgyn_as_pcp,
        from_date as visit_date
    from qualifying_lines
    group by person_key, rendering_npi, from_date
    having bool_or(is_visit)

),

final as (

    select
        cast(visits.person_key as int) as person_key,
        cast(visits.rendering_npi as bigint) as rendering_npi,
        cast(visits.billing_tin as bigint) as billing_tin,
        cast(
            case
                when visits.obgyn_as_pcp and clinicians.is_obgyn then 1
                else clinicians.tier
            end as int
        ) as tier,
        cast(visits.allowed_cents as bigint) as allowed_cents,
        cast(visits.is_preventive as boolean) as is_preventive,
        cast(coalesce(clinicians.is_np_pa, false) as boolean) as is_np_pa,
        cast(clinicians.npi is null as boolean) as is_unknown_provider,
        cast(visits.visit_date as date) as visit_date
    from visits
    left join clinicians on visits.rendering_npi = clinicians.npi

)

select * from final
