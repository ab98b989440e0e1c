-- DESIGN decision 4: one pass from codes to concepts. A diagnosis is an event of its person, day
-- and kind of source (METHODS C.1): an inpatient, skilled nursing or home health claim proves a
-- condition alone, an outpatient or professional one only together with another day. Claims that
-- hold nothing but laboratory, imaging, ambulance or equipment lines may be ruling a condition
-- out, and prove nothing. Denied lines prove nothing here.

{%- set diagnosis_columns = [] -%}
{%- for position in range(1, 26) -%}
    {%- do diagnosis_columns.append('diagnosis_code_' ~ position) -%}
{%- endfor %}

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

facility_stays as (

    select
        payer,
        claim_id
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

proving_lines as (

    select
        persons.person_key,
        facility_stays.claim_id is not null as is_facility_stay,
        {%- for column in diagnosis_columns %}
        final_lines.{{ column }},
        {%- endfor %}
        final_lines.from_date
    from final_lines
    left join persons
        on final_lines.payer = persons.payer and final_lines.person_id = persons.person_id
    left join facility_stays
        on
            final_lines.payer = facility_stays.payer
            and final_lines.claim_id = facility_stays.claim_id
    left join laboratory_settings
        on
            final_lines.claim_type = laboratory_settings.claim_type
            and coalesce(final_lines.bill_type_code, '') = laboratory_settings.bill_type_code
            and coalesce(final_lines.place_of_service_code, '')
            = laboratory_settings.place_of_service_code
    left join ancillary_service_codes
        on
            final_lines.hcpcs_code = ancillary_service_codes.hcpcs_code
            and year(final_lines.from_date) = ancillary_service_codes.service_year
    left join ancillary_revenue_codes
        on final_lines.revenue_code = ancillary_revenue_codes.revenue_code
    where
        final_lines.claim_status = 'paid'
        and (
            facility_stays.claim_id is not null
            or (
                laboratory_settings.claim_type is null
                and ancillary_service_codes.hcpcs_code is null
                and ancillary_revenue_codes.revenue_code is null
            )
        )

),

diagnoses as (

    select
        person_key,
        is_facility_stay,
        from_date,
        {{ columns_to_rows(diagnosis_columns) }} as diagnosis_code
    from proving_lines

),

events as (

    select distinct
        diagnoses.person_key,
        diagnosis_codes.condition,
        diagnoses.is_facility_stay,
        diagnoses.from_date
    from diagnoses
    inner join diagnosis_codes on diagnoses.diagnosis_code = diagnosis_codes.diagnosis_code

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(condition as string) as concept,
        cast(
            case when is_facility_stay then 'facility_stay' else 'outpatient' end as string
        ) as source_kind,
        cast(from_date as date) as event_date
    from events

)

select * from final
