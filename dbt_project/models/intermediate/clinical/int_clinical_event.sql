-- DESIGN decision 4: one pass from codes to concepts. A diagnosis is an event of its person, day
-- and kind of source (METHODS C.1): an inpatient, skilled nursing or home health claim proves a
-- condition alone, an outpatient or professional one only together with another day. Claims that
-- hold nothing but laboratory, imaging, ambulance or equipment lines may be ruling a condition
-- out, and prove nothing. Denied lines prove nothing here.

with

final_lines as (

    select * from {{ ref('int_claim_line_final') }}

),

diagnosis_codes as (

    select * from {{ ref('int_diagnosis_code_mapped') }}

),

persons as (

    select
        person_key,
        payer,
        person_id
    from {{ ref('int_person') }}

),

headers as (

    select
        payer,
        claim_id,
        claim_category in (1, 2, 3, 4, 6) as is_facility_stay
    from {{ ref('int_claim_header') }}

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

diagnosed_lines as (
    {% for position in range(1, 26) %}
    select
        final_lines.payer,
        final_lines.person_id,
        final_lines.claim_id,
        final_lines.claim_type,
        final_lines.bill_type_code,
        final_lines.place_of_service_code,
        final_lines.hcpcs_code,
        final_lines.revenue_code,
        final_lines.from_date,
        diagnosis_codes.condition
    from final_lines
    inner join diagnosis_codes
        on final_lines.diagnosis_code_{{ position }} = diagnosis_codes.diagnosis_code
    where final_lines.claim_status = 'paid'
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

sourced as (

    select
        diagnosed_lines.payer,
        diagnosed_lines.person_id,
        diagnosed_lines.from_date,
        diagnosed_lines.condition,
        coalesce(headers.is_facility_stay, false) as is_facility_stay
    from diagnosed_lines
    left join headers
        on diagnosed_lines.payer = headers.payer and diagnosed_lines.claim_id = headers.claim_id
    left join laboratory_settings
        on
            diagnosed_lines.claim_type = laboratory_settings.claim_type
            and coalesce(diagnosed_lines.bill_type_code, '') = laboratory_settings.bill_type_code
            and coalesce(diagnosed_lines.place_of_service_code, '')
            = laboratory_settings.place_of_service_code
    left join ancillary_service_codes
        on
            diagnosed_lines.hcpcs_code = ancillary_service_codes.hcpcs_code
            and year(diagnosed_lines.from_date) = ancillary_service_codes.service_year
    left join ancillary_revenue_codes
        on diagnosed_lines.revenue_code = ancillary_revenue_codes.revenue_code
    where
        coalesce(headers.is_facility_stay, false)
        or (
            laboratory_settings.claim_type is null
            and ancillary_service_codes.hcpcs_code is null
            and ancillary_revenue_codes.revenue_code is null
        )

),

final as (

    select distinct
        cast(persons.person_key as int) as person_key,
        cast(sourced.condition as string) as concept,
        cast(
            case when sourced.is_facility_stay then 'facility_stay' else 'outpatient' end as string
        ) as source_kind,
        cast(sourced.from_date as date) as event_date
    from sourced
    inner join persons
        on sourced.payer = persons.payer and sourced.person_id = persons.person_id

)

select * from final
