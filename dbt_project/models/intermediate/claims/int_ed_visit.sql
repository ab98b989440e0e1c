{{ config(pre_hook='{{ keep_previous() }}') }}

-- METHODS A.4, steps 3 to 8: anchors become visits, visits of one day count once, and each is told
-- treat-and-release (the reported count) from one that ended in admission.

with

anchors as (

    select * from {{ ref('int_ed_anchor') }}

),

claim_lines as (

    select * from {{ ref('int_claim_line') }}

),

stays as (

    select * from {{ ref('int_inpatient_stay') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

rules as (

    select * from {{ ref('int_claim_rule') }}

),

-- Step 3a: facility claims of one hospital that overlap or touch on a day are one visit.
facility_anchors as (

    select
        *,
        max(end_date) over (
            partition by person_key, facility_npi
            order by start_date, end_date, claim_id
            rows between unbounded preceding and 1 preceding
        ) as reached_date
    from anchors
    where is_facility

),

facility_islands as (

    select
        *,
        sum(case when reached_date >= start_date then 0 else 1 end) over (
            partition by person_key, facility_npi
            order by start_date, end_date, claim_id
            rows between unbounded preceding and current row
        ) as island
    from facility_anchors

),

facility_ranked as (

    select
        *,
        row_number() over (
            partition by person_key, facility_npi, island
            order by start_date, claim_id
        ) as claim_rank
    from facility_islands

),

facility_visits as (

    select
        person_key,
        facility_npi,
        island,
        min(claim_id) as claim_id,
        max(case when claim_rank = 1 then principal_diagnosis_code end)
            as principal_diagnosis_code,
        max(ed_level) as ed_level,
        bool_or(is_inpatient_claim) as has_inpatient_claim,
        min(start_date) as start_date,
        max(end_date) as end_date
    from facility_ranked
    group by person_key, facility_npi, island

),

-- Step 3b: a clinician's claim belongs to the facility's visit from the day before to the day
-- after, since visits cross midnight and the claim names no facility.
joined_anchors as (

    select
        facility_visits.person_key,
        facility_visits.facility_npi,
        facility_visits.island,
        max(professional_anchors.ed_level) as ed_level
    from facility_visits
    inner join anchors as professional_anchors
        on
            facility_visits.person_key = professional_anchors.person_key
            and professional_anchors.start_date
            >= {{ date_plus_days('facility_visits.start_date', -1) }}
            and professional_anchors.start_date
            <= {{ date_plus_days('facility_visits.end_date', 1) }}
    where not professional_anchors.is_facility
    group by facility_visits.person_key, facility_visits.facility_npi, facility_visits.island

),

-- Step 3c: clinicians' claims without a facility's visit make one visit per person and date.
lone_anchors as (

    select *
    from anchors
    where
        not is_facility
        and not exists (
            select 1
            from facility_visits
            where
                facility_visits.person_key = anchors.person_key
                and anchors.start_date >= {{ date_plus_days('facility_visits.start_date', -1) }}
                and anchors.start_date <= {{ date_plus_days('facility_visits.end_date', 1) }}
        )

),

lone_visits as (

    select
        person_key,
        claim_id,
        principal_diagnosis_code,
        ed_level,
        start_date,
        end_date
    from lone_anchors
    qualify row_number() over (
        partition by person_key, start_date
        order by ed_level desc, claim_id
    ) = 1

),

all_visits as (

    select
        facility_visits.person_key,
        facility_visits.facility_npi,
        facility_visits.claim_id,
        facility_visits.principal_diagnosis_code,
        greatest(facility_visits.ed_level, coalesce(joined_anchors.ed_level, 0)) as ed_level,
        facility_visits.has_inpatient_claim,
        true as has_facility_claim,
        facility_visits.start_date,
        facility_visits.end_date
    from facility_visits
    left join joined_anchors
        on
            facility_visits.person_key = joined_anchors.person_key
            and facility_visits.facility_npi = joined_anchors.facility_npi
            and facility_visits.island = joined_anchors.island
    union all
    select
        person_key,
        cast(null as bigint) as facility_npi,
        claim_id,
        principal_diagnosis_code,
        ed_level,
        false as has_inpatient_claim,
        false as has_facility_claim,
        start_date,
        end_date
    from lone_visits

),

-- Step 4: visits that start on one day count once; the facility's, then the highest level, then
-- the smallest claim number.
ranked as (

    select
        all_visits.*,
        rules.ed_obs_counts,
        rules.ed_one_per_day,
        row_number() over (
            partition by all_visits.person_key, all_visits.start_date
            order by
                case when all_visits.has_facility_claim then 0 else 1 end,
                all_visits.ed_level desc,
                all_visits.claim_id
        ) as visit_of_day
    from all_visits
    inner join persons on all_visits.person_key = persons.person_key
    inner join rules on persons.payer = rules.payer

),

kept as (

    select *
    from ranked
    where visit_of_day = 1 or not ed_one_per_day

),

-- Step 5: an acute or psychiatric stay starts during the visit or the day after.
admissions as (

    select distinct
        kept.person_key,
        kept.claim_id,
        kept.start_date
    from kept
    inner join stays
        on
            kept.person_key = stays.person_key
            and stays.admission_date >= kept.start_date
            and stays.admission_date <= {{ date_plus_days('kept.end_date', 1) }}
    where stays.stay_type in ('acute', 'psychiatric')

),

-- Step 6: an observation line overlaps the visit or the day after.
observations as (

    select distinct
        kept.person_key,
        kept.claim_id,
        kept.start_date
    from kept
    inner join claim_lines
        on
            kept.person_key = claim_lines.person_key
            and claim_lines.thru_date >= kept.start_date
            and claim_lines.from_date <= {{ date_plus_days('kept.end_date', 1) }}
    where claim_lines.is_observation_evidence and claim_lines.is_counted

),

judged as (

    select
        kept.*,
        kept.has_inpatient_claim or admissions.person_key is not null as is_ed_to_inpatient,
        observations.person_key is not null as is_observation,
        row_number() over (
            order by kept.person_key, kept.start_date, kept.visit_of_day
        ) as visit_key
    from kept
    left join admissions
        on
            kept.person_key = admissions.person_key
            and kept.claim_id = admissions.claim_id
            and kept.start_date = admissions.start_date
    left join observations
        on
            kept.person_key = observations.person_key
            and kept.claim_id = observations.claim_id
            and kept.start_date = observations.start_date

),

final as (

    select
        cast(visit_key as bigint) as visit_key,
        cast(person_key as int) as person_key,
        cast(facility_npi as bigint) as facility_npi,
        cast(principal_diagnosis_code as string) as principal_diagnosis_code,
        cast(ed_level as int) as ed_level,
        cast(has_facility_claim as boolean) as has_facility_claim,
        cast(is_ed_to_inpatient as boolean) as is_ed_to_inpatient,
        cast(is_observation as boolean) as is_observation,
        cast(
            not is_ed_to_inpatient and (ed_obs_counts or not is_observation) as boolean
        ) as is_treat_and_release,
        cast(start_date as date) as visit_start_date,
        cast(end_date as date) as visit_end_date
    from judged

)

select * from final
