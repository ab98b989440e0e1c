{{ config(pre_hook='{{ keep_previous() }}') }}

-- METHODS A.5: claims of one hospital that continue each other are one stay; acute stays at
-- different hospitals a day apart at most are one episode, whatever the discharge status says.

with

claims as (

    select * from {{ ref('int_inpatient_claim') }}

),

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

sequenced as (

    select
        *,
        lag(admission_date) over (
            partition by person_key, facility_npi order by admission_date, end_date, claim_id
        ) as earlier_admission_date,
        lag(discharge_status_code) over (
            partition by person_key, facility_npi order by admission_date, end_date, claim_id
        ) as earlier_status_code,
        max(end_date) over (
            partition by person_key, facility_npi
            order by admission_date, end_date, claim_id
            rows between unbounded preceding and 1 preceding
        ) as reached_date
    from claims

),

-- Step 1. A discharge home and an admission to the same hospital the next day stay two stays.
continued as (

    select
        *,
        coalesce(
            end_date = reached_date
            or admission_date < reached_date
            or (admission_date = earlier_admission_date and earlier_status_code = '30')
            or (
                admission_date <= {{ date_plus_days('reached_date', 1) }}
                and earlier_status_code = '30'
            ),
            false
        ) as is_continuation
    from sequenced

),

islands as (

    select
        *,
        sum(case when is_continuation then 0 else 1 end) over (
            partition by person_key, facility_npi
            order by admission_date, end_date, claim_id
            rows between unbounded preceding and current row
        ) as island
    from continued

),

ranked as (

    select
        *,
        row_number() over (
            partition by person_key, facility_npi, island
            order by end_date desc, admission_date desc, claim_id desc
        ) as recency
    from islands

),

-- Step 2: status, DRG, diagnosis and kind come from the last claim.
merged as (

    select
        person_key,
        facility_npi,
        island,
        max(case when recency = 1 then discharge_status_code end) as discharge_status_code,
        max(case when recency = 1 then drg_code end) as drg_code,
        max(case when recency = 1 then principal_diagnosis_code end) as principal_diagnosis_code,
        max(case when recency = 1 then service_category end) as service_category,
        sum(allowed_cents) as allowed_cents,
        min(claim_id) as claim_id,
        min(admission_date) as admission_date,
        max(end_date) as end_date
    from ranked
    group by person_key, facility_npi, island

),

-- Step 5: still a patient.
stays as (

    select
        merged.*,
        row_number() over (
            order by merged.person_key, merged.admission_date, merged.end_date, merged.claim_id
        ) as stay_key,
        case merged.service_category
            when 1 then 'psychiatric'
            when 2 then 'rehabilitation'
            else 'acute'
        end as stay_type,
        coalesce(merged.discharge_status_code = '30', false) as is_open_stay,
        case
            when coalesce(merged.discharge_status_code = '30', false)
                then {{ whole_days_between('merged.admission_date', 'run.as_of') }}
            else {{ whole_days_between('merged.admission_date', 'merged.end_date') }}
        end as length_of_stay_days
    from merged
    cross join run

),

-- Steps 3 and 4: transfers are between acute hospitals only.
acute_sequence as (

    select
        stay_key,
        person_key,
        coalesce(
            facility_npi <> lag(facility_npi) over (
                partition by person_key order by admission_date, end_date, stay_key
            )
            and not lag(is_open_stay) over (
                partition by person_key order by admission_date, end_date, stay_key
            )
            and {{ whole_days_between(
                'lag(end_date) over ('
                ~ 'partition by person_key order by admission_date, end_date, stay_key)',
                'admission_date'
            ) }} between 0 and 1,
            false
        ) as is_transfer,
        admission_date,
        end_date
    from stays
    where stay_type = 'acute'

),

episodes as (

    select
        stay_key,
        max(case when not is_transfer then stay_key end) over (
            partition by person_key
            order by admission_date, end_date, stay_key
            rows between unbounded preceding and current row
        ) as episode_key
    from acute_sequence

),

final as (

    select
        cast(stays.stay_key as bigint) as stay_key,
        cast(coalesce(episodes.episode_key, stays.stay_key) as bigint) as episode_key,
        cast(stays.person_key as int) as person_key,
        cast(stays.facility_npi as bigint) as facility_npi,
        cast(stays.discharge_status_code as string) as discharge_status_code,
        cast(stays.drg_code as string) as drg_code,
        cast(stays.principal_diagnosis_code as string) as principal_diagnosis_code,
        cast(stays.stay_type as string) as stay_type,
        cast(stays.length_of_stay_days as int) as length_of_stay_days,
        cast(stays.allowed_cents as bigint) as allowed_cents,
        cast(stays.is_open_stay as boolean) as is_open_stay,
        cast(stays.admission_date as date) as admission_date,
        cast(case when not stays.is_open_stay then stays.end_date end as date) as discharge_date
    from stays
    left join episodes on stays.stay_key = episodes.stay_key

)

select * from final
