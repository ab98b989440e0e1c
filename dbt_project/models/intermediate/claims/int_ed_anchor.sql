-- METHODS A.4, steps 1 and 2: what proves an ED visit. Facility anchors are institutional claims
-- with a qualifying code, over the days of the whole claim; professional anchors are lines with
-- the CPT of an ED visit. Supporting lines (place of service 23 alone) anchor only where a payer's
-- terms say so.

with

claim_lines as (

    select * from {{ ref('int_claim_line') }}

),

headers as (

    select * from {{ ref('int_claim_header') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

rules as (

    select * from {{ ref('int_claim_rule') }}

),

evident_claims as (

    select distinct claim_key
    from claim_lines
    where is_ed_facility_evidence and is_counted

),

facility_claims as (

    select
        claim_lines.claim_key,
        claim_lines.person_key,
        max(coalesce(claim_lines.facility_npi, claim_lines.billing_npi)) as facility_npi,
        max(case
            when claim_lines.hcpcs_code between '99281' and '99285'
                then cast(right(claim_lines.hcpcs_code, 1) as int)
        end) as ed_level,
        min(claim_lines.from_date) as start_date,
        max(claim_lines.thru_date) as end_date
    from claim_lines
    inner join evident_claims on claim_lines.claim_key = evident_claims.claim_key
    where claim_lines.is_counted
    group by claim_lines.claim_key, claim_lines.person_key

),

professional_lines as (

    select
        claim_lines.claim_key,
        claim_lines.person_key,
        max(coalesce(claim_lines.ed_professional_level, 0)) as ed_level,
        claim_lines.from_date
    from claim_lines
    inner join persons on claim_lines.person_key = persons.person_key
    inner join rules on persons.payer = rules.payer
    where
        claim_lines.is_counted
        and not claim_lines.is_institutional
        and claim_lines.service_category = 7
        and (
            claim_lines.ed_professional_level is not null
            or (rules.pos23_only_creates_visit and claim_lines.place_of_service_code = '23')
        )
    group by claim_lines.claim_key, claim_lines.person_key, claim_lines.from_date

),

anchors as (

    select
        person_key,
        claim_key,
        facility_npi,
        ed_level,
        true as is_facility,
        start_date,
        end_date
    from facility_claims
    union all
    select
        person_key,
        claim_key,
        cast(null as bigint) as facility_npi,
        ed_level,
        false as is_facility,
        from_date as start_date,
        from_date as end_date
    from professional_lines

),

final as (

    select
        cast(anchors.person_key as int) as person_key,
        cast(anchors.claim_key as bigint) as claim_key,
        cast(anchors.facility_npi as bigint) as facility_npi,
        cast(headers.claim_id as string) as claim_id,
        cast(headers.principal_diagnosis_code as string) as principal_diagnosis_code,
        cast(coalesce(anchors.ed_level, 0) as int) as ed_level,
        cast(anchors.is_facility as boolean) as is_facility,
        cast(anchors.is_facility and headers.claim_category <= 3 as boolean) as is_inpatient_claim,
        cast(anchors.start_date as date) as start_date,
        cast(anchors.end_date as date) as end_date
    from anchors
    inner join headers on anchors.claim_key = headers.claim_key

)

select * from final
