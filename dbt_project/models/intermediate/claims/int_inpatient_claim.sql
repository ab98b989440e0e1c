-- METHODS A.5, inputs: final, not denied, inpatient claims (A.3 categories 1 to 3), one row each.

with

claim_lines as (

    select * from {{ ref('int_claim_line') }}

),

headers as (

    select * from {{ ref('int_claim_header') }}

),

claims as (

    select
        claim_lines.claim_key,
        claim_lines.person_key,
        min(claim_lines.service_category) as service_category,
        max(coalesce(claim_lines.facility_npi, claim_lines.billing_npi)) as facility_npi,
        sum(claim_lines.allowed_cents) as allowed_cents,
        min(claim_lines.from_date) as from_date,
        max(claim_lines.thru_date) as thru_date
    from claim_lines
    where claim_lines.service_category <= 3 and claim_lines.is_counted
    group by claim_lines.claim_key, claim_lines.person_key

),

final as (

    select
        cast(claims.claim_key as bigint) as claim_key,
        cast(claims.person_key as int) as person_key,
        cast(claims.facility_npi as bigint) as facility_npi,
        cast(headers.claim_id as string) as claim_id,
        cast(headers.discharge_status_code as string) as discharge_status_code,
        cast(headers.drg_code as string) as drg_code,
        cast(headers.principal_diagnosis_code as string) as principal_diagnosis_code,
        cast(claims.service_category as int) as service_category,
        cast(claims.allowed_cents as bigint) as allowed_cents,
        cast(headers.discharge_date is not null as boolean) as has_discharge_date,
        cast(coalesce(headers.admission_date, claims.from_date) as date) as admission_date,
        cast(coalesce(headers.discharge_date, claims.thru_date) as date) as end_date
    from claims
    inner join headers on claims.claim_key = headers.claim_key

)

select * from final
