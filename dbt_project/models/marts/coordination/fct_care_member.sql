{{ config(materialized=light_materialization()) }}

-- METHODS L.1, K.1: the members that lists are made of, as the daily step reads them beside the ledger.

with

members as (

    select * from {{ ref('int_care_member') }}

),

final as (

    select
        cast(payer as string) as payer,
        cast(person_id as string) as person_id,
        cast(program_id as string) as program_id,
        cast(partner_id as string) as partner_id,
        cast(practice_id as string) as practice_id,
        cast(lpad(cast(npi as string), 10, '0') as string) as npi,
        cast(coordinator_id as string) as coordinator_id,
        cast(case_manager_id as string) as case_manager_id,
        cast(last_name as string) as last_name,
        cast(first_name as string) as first_name,
        cast(sex as string) as sex,
        cast(phone_number as string) as phone_number,
        cast(phone_type as string) as phone_type,
        cast(language_code as string) as language_code,
        cast(preferred_contact as string) as preferred_contact,
        cast(encounter_program_id as string) as encounter_program_id,
        cast(encounter_partner_id as string) as encounter_partner_id,
        cast(comorbidity_points as int) as comorbidity_points,
        cast(is_seen_by_two_programs as boolean) as is_seen_by_two_programs,
        cast(is_covered as boolean) as is_covered,
        cast(is_hospice as boolean) as is_hospice,
        cast(was_readmitted as boolean) as was_readmitted,
        cast(is_attributed_elsewhere as boolean) as is_attributed_elsewhere,
        cast(is_unattributed as boolean) as is_unattributed,
        cast(birth_date as date) as birth_date,
        cast(death_date as date) as death_date,
        cast(cover_end_date as date) as cover_end_date,
        cast(opt_out_date as date) as opt_out_date
    from members

)

select * from final
