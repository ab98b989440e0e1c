{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook='{{ forget_changed_claims() }}'
    )
}}

-- DESIGN decision 4: final claim lines meet the concepts, at the grain of the claim, so that only the
-- events of changed claims would have to be made again. A diagnosis proves by where it was made
-- (METHODS C.1): a claim of an inpatient, skilled nursing or home health stay alone, an outpatient or
-- professional one only together with another day; lines of laboratory, imaging, ambulance and
-- equipment may be ruling a condition out, and prove nothing. Denied lines prove no condition, but a
-- service on them was done (METHODS P, denied_counts_for_quality).

with

-- Diagnoses and services read the lines each for itself: few services are listed, and only the lines
-- of those go on.
final_lines as (

    select * from {{ final_lines_to_take() }}

),

coded_lines as (

    select
        *,
        {{ pair_key('payer', 'claim_id') }} as claim_key
    from {{ final_lines_to_take() }}
    where hcpcs_code is not null

),

code_concepts as (

    select * from {{ ref('int_code_concept') }}

),

persons as (

    select
        person_key,
        payer,
        person_id
    from {{ ref('int_person') }}

),

facility_stays as (

    select claim_key
    from {{ ref('int_claim_header') }}
    where claim_category in (1, 2, 3, 4, 6)

),

laboratory_settings as (

    select distinct
        claim_type,
        bill_type_code,
        place_of_service_code
    from {{ ref('int_claim_setting_mapped') }}
    where is_laboratory_setting or line_category = 15

),

ancillary_service_codes as (

    select
        hcpcs_code,
        service_year
    from {{ ref('int_service_code_mapped') }}
    where is_ancillary

),

ancillary_revenue_codes as (

    select revenue_code from {{ ref('int_revenue_code_mapped') }} where is_ancillary

),

keyed_lines as (

    select
        *,
        {{ pair_key('payer', 'claim_id') }} as claim_key
    from final_lines

),

judged_lines as (

    select
        keyed_lines.*,
        persons.person_key,
        facility_stays.claim_key is not null as is_stay,
        keyed_lines.claim_status = 'paid'
        and (
            facility_stays.claim_key is not null
            or (
                laboratory_settings.claim_type is null
                and ancillary_service_codes.hcpcs_code is null
                and ancillary_revenue_codes.revenue_code is null
            )
        ) as is_proof
    from keyed_lines
    left join persons
        on keyed_lines.payer = persons.payer and keyed_lines.person_id = persons.person_id
    left join facility_stays on keyed_lines.claim_key = facility_stays.claim_key
    left join laboratory_settings
        on
            keyed_lines.claim_type = laboratory_settings.claim_type
            and coalesce(keyed_lines.bill_type_code, '') = laboratory_settings.bill_type_code
            and coalesce(keyed_lines.place_of_service_code, '')
            = laboratory_settings.place_of_service_code
    left join ancillary_service_codes
        on
            keyed_lines.hcpcs_code = ancillary_service_codes.hcpcs_code
            and year(keyed_lines.from_date) = ancillary_service_codes.service_year
    left join ancillary_revenue_codes
        on keyed_lines.revenue_code = ancillary_revenue_codes.revenue_code

),

-- DuckDB 2.0.0 fails where a column that an inner join filled goes through an unnest ("global
-- dictionary … changed identity"): so the join with persons is a left one, and the day, which the
-- deliveries gave, is computed anew.
codes as (

    select
        claim_key,
        person_key,
        is_stay,
        is_proof,
        from_date,
        {{ date_plus_days('delivered_on', 0) }} as delivered_on,
        {{ columns_to_rows(claim_code_columns()) }} as code
    from judged_lines
    where is_proof or procedure_code_1 is not null

),

services as (

    select
        coded_lines.payer,
        coded_lines.person_id,
        coded_lines.claim_key,
        code_concepts.concept_key,
        code_concepts.value,
        coded_lines.from_date,
        coded_lines.delivered_on
    from coded_lines
    inner join code_concepts on coded_lines.hcpcs_code = code_concepts.code
    where code_concepts.code_system = 'hcpcs'

),

coded as (

    select
        codes.claim_key,
        codes.person_key,
        code_concepts.concept_key,
        case
            when code_concepts.code_system = 'icd10pcs' then {{ source_kind('service') }}
            when codes.is_stay then {{ source_kind('stay') }}
            else {{ source_kind('visit') }}
        end as source_kind,
        code_concepts.value,
        codes.from_date,
        codes.delivered_on
    from codes
    inner join code_concepts on codes.code = code_concepts.code
    where
        code_concepts.code_system in ('icd10cm', 'icd10pcs')
        and (codes.is_proof or code_concepts.code_system = 'icd10pcs')
    union all
    select
        services.claim_key,
        persons.person_key,
        services.concept_key,
        {{ source_kind('service') }} as source_kind,
        services.value,
        services.from_date,
        services.delivered_on
    from services
    left join persons
        on services.payer = persons.payer and services.person_id = persons.person_id

),

events as (

    select distinct
        claim_key,
        person_key,
        concept_key,
        source_kind,
        value,
        from_date,
        delivered_on
    from coded
    where person_key is not null

),

final as (

    select
        cast(claim_key as bigint) as claim_key,
        person_key,
        cast(concept_key as int) as concept_key,
        cast(source_kind as int) as source_kind,
        cast(value as decimal(12, 3)) as value,
        cast(from_date as date) as event_date,
        cast(delivered_on as date) as delivered_on
    from events

)

select * from final
