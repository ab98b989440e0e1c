{{ config(materialized='ephemeral') }}

-- METHODS D.1 M29: discharges of 1 January to 1 December after a stay for mental illness, followed
-- by a behavioral visit within 7 days, the day of discharge not counted. M29B: within 30 days. Of
-- discharges followed by another such stay within 30 days the last one counts alone.

with

aged as (

    {{ measure_members(['M29', 'M29B']) }}

),

stays as (

    select distinct
        stays.person_key,
        stays.admission_date,
        stays.discharge_date
    from {{ ref('int_inpatient_stay') }} as stays
    inner join {{ ref('clinical_value_set') }} as value_sets
        on
            value_sets.concept = 'mental_illness'
            and substr(stays.principal_diagnosis_code, 1, length(value_sets.code_low))
            between value_sets.code_low and value_sets.code_high
    where stays.discharge_date is not null

),

last_discharges as (

    select distinct
        person_key,
        discharge_date
    from stays
    where
        not exists (
            select 1
            from stays as later
            where
                later.person_key = stays.person_key
                and later.admission_date >= stays.discharge_date
                and later.discharge_date > stays.discharge_date
                and later.admission_date <= {{ date_plus_days('stays.discharge_date', 30) }}
        )

),

members as (

    select
        aged.*,
        case aged.measure_id when 'M29' then 7 else 30 end as follow_up_days,
        last_discharges.discharge_date as measured_date
    from aged
    inner join last_discharges
        on
            aged.person_key = last_discharges.person_key
            and last_discharges.discharge_date >= aged.period_start_date
            and last_discharges.discharge_date
            <= least(make_date(aged.measure_year, 12, 1), aged.evaluation_date)

),

services as (

    {{ follow_up_visits(['behavioral_visit']) }}

),

{{ measure_rows(
    has_exclusions=false,
    has_rates=true,
    is_event_based=true,
    due_date=date_plus_days('measured_date', 'follow_up_days')
) }}

select * from final
