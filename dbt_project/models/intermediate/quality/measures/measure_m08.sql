{{ config(materialized='ephemeral') }}

-- METHODS D.1 M08: members with diabetes with an eGFR and an albumin-creatinine ratio (or both of
-- its tests at most 4 days apart) in the year. CKD stage 5 and end-stage renal disease exclude.

with

members as (

    {{ diabetic_members('M08') }}

),

tests as (

    {{ member_events(['egfr', 'uacr', 'urine_albumin', 'urine_creatinine']) }}

),

ratios as (

    select
        measure_year,
        person_key,
        event_date,
        claim_key
    from tests
    where concept_key = {{ concept('uacr') }}
    union all
    select
        albumin.measure_year,
        albumin.person_key,
        greatest(albumin.event_date, creatinine.event_date) as event_date,
        albumin.claim_key
    from tests as albumin
    inner join tests as creatinine
        on
            albumin.measure_year = creatinine.measure_year
            and albumin.person_key = creatinine.person_key
            and creatinine.event_date >= {{ date_plus_days('albumin.event_date', -4) }}
            and creatinine.event_date <= {{ date_plus_days('albumin.event_date', 4) }}
    where
        albumin.concept_key = {{ concept('urine_albumin') }}
        and creatinine.concept_key = {{ concept('urine_creatinine') }}

),

halves as (

    select
        measure_year,
        person_key,
        max(event_date) as filtration_date,
        cast(null as date) as ratio_date,
        cast(null as bigint) as claim_key
    from tests
    where concept_key = {{ concept('egfr') }}
    group by measure_year, person_key
    union all
    select
        measure_year,
        person_key,
        null as filtration_date,
        max(event_date) as ratio_date,
        max(claim_key) as claim_key
    from ratios
    group by measure_year, person_key

),

-- Whole only when both halves were done; due again when the older one is.
services as (

    select
        halves.measure_year,
        halves.person_key,
        max(halves.claim_key) as claim_key,
        cast(null as decimal(12, 3)) as value,
        coalesce(
            least(max(halves.filtration_date), max(halves.ratio_date))
            >= make_date(halves.measure_year, 1, 1),
            false
        ) as is_met,
        greatest(max(halves.filtration_date), max(halves.ratio_date)) as event_date,
        cast(null as date) as delivered_on,
        {{ date_plus_months(
            'least(max(halves.filtration_date), max(halves.ratio_date))', 12
        ) }} as next_due_date
    from halves
    group by halves.measure_year, halves.person_key
    having max(halves.filtration_date) is not null and max(halves.ratio_date) is not null

),

exclusions as (

    {{ excluded_by('CKD_STAGE_5', ['ckd_stage_5', 'end_stage_renal_disease']) }}

),

-- Without a single ratio in the year its senders did not give any.
valued_years as (

    select distinct measure_year
    from ratios
    where event_date >= make_date(measure_year, 1, 1)

),

{{ measure_rows(
    one_service=true,
    eligible_date='condition_date',
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
