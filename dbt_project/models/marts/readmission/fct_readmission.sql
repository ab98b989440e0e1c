-- METHODS F: every discharge of a member of a program from an acute or psychiatric episode, what
-- followed it, and the risk that was known when she left. She belongs where the snapshot of the month
-- before her discharge put her (B.3): the stay itself decides nothing.

with

episodes as (

    select * from {{ ref('int_index_stay') }} where not is_open

),

risks as (

    select * from {{ ref('int_readmission_risk') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

decided as (

    select * from {{ ref('int_attribution_decided') }} where is_in_program

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

program_clinicians as (

    select * from {{ ref('int_program_clinician_month') }}

),

links as (

    select
        stay_key,
        visit_number
    from {{ ref('int_adt_stay_link') }}
    where stay_key is not null

),

final as (

    select
        cast(persons.payer as string) as payer,
        cast(persons.person_id as string) as person_id,
        cast(groups.program_id as string) as program_id,
        cast(program_clinicians.partner_id as string) as partner_id,
        cast(program_clinicians.practice_id as string) as practice_id,
        cast(lpad(cast(decided.npi as string), 10, '0') as string) as npi,
        cast(lpad(cast(episodes.facility_npi as string), 10, '0') as string) as facility_npi,
        cast(links.visit_number as string) as hospital_visit_number,
        cast(episodes.stay_type as string) as stay_type,
        cast(episodes.principal_diagnosis_code as string) as principal_diagnosis_code,
        cast(episodes.discharge_status_code as string) as discharge_status_code,
        cast(episodes.planned_by as string) as planned_by,
        cast(episodes.plan_exclusion as string) as plan_exclusion,
        cast(episodes.medicare_exclusion as string) as medicare_exclusion,
        cast(risks.lace_band as string) as lace_band,
        cast(risks.hospital_band as string) as hospital_band,
        cast(risks.high_risk_reason as string) as high_risk_reason,
        cast(episodes.length_of_stay_days as int) as length_of_stay_days,
        cast(episodes.days_until_next as int) as days_until_next,
        cast(risks.length_points as int) as length_points,
        cast(risks.acuity_points as int) as acuity_points,
        cast(risks.comorbidity_points as int) as comorbidity_points,
        cast(risks.emergency_points as int) as emergency_points,
        cast(risks.lace_score as int) as lace_score,
        cast(risks.hospital_score as int) as hospital_score,
        cast(episodes.allowed_cents * 0.01 as decimal(18, 2)) as allowed_amount,
        cast(risks.lace_risk as decimal(5, 4)) as lace_risk,
        cast(risks.hospital_risk as decimal(5, 4)) as hospital_risk,
        cast(risks.is_hospital_incomplete as boolean) as is_hospital_incomplete,
        cast(episodes.is_readmitted as boolean) as is_readmitted,
        cast(episodes.is_readmission as boolean) as is_readmission,
        cast(episodes.admission_date as date) as admission_date,
        cast(episodes.discharge_date as date) as discharge_date
    from episodes
    inner join risks on episodes.index_key = risks.index_key
    inner join persons on episodes.person_key = persons.person_key
    inner join decided
        on
            episodes.person_key = decided.person_key
            and decided.snapshot_number = {{ month_number('episodes.discharge_date') }} - 1
    inner join groups on decided.group_number = groups.group_number
    left join program_clinicians
        on
            decided.payer_key = program_clinicians.payer_key
            and decided.npi = program_clinicians.npi
            and decided.group_number = program_clinicians.group_number
            and decided.snapshot_number = program_clinicians.snapshot_number
    left join links on episodes.last_stay_key = links.stay_key

)

select * from final
