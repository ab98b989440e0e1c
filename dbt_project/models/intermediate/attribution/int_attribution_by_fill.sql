{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook='{{ forget_changed_months(\"snapshot_number\") }}'
    )
}}

-- METHODS B.3 step 7: a covered member without any qualifying visit in the look-back belongs to
-- the primary-care prescriber with the most distinct fill dates in the last 12 months, at least
-- rx_min_fills of them; ties: 5 latest fill, then 6 smallest NPI.

with

member_months as (

    select *
    from {{ with_changed_month(ref('int_member_month_counted')) }} as member_months
    where is_medical and month_number >= changed_month_number

),

by_visit as (

    select * from {{ ref('int_attribution_by_visit') }}

),

evaluations as (

    select *
    from {{ with_changed_month(ref('int_attribution_evaluation')) }} as evaluations
    where next_snapshot_number > changed_month_number

),

fills as (

    select * from {{ ref('int_pharmacy_fill') }}

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

rules as (

    select * from {{ ref('int_payer_rule') }}

),

clinician_months as (

    select * from {{ ref('int_clinician_month') }} where is_pcp

),

with_visits as (

    select
        by_visit.person_key,
        spine.snapshot_number
    from by_visit
    inner join evaluations
        on
            by_visit.person_key = evaluations.person_key
            and by_visit.from_snapshot_number = evaluations.snapshot_number
    inner join (select distinct snapshot_number from snapshots) as spine
        on
            evaluations.snapshot_number <= spine.snapshot_number
            and evaluations.next_snapshot_number > spine.snapshot_number
            and evaluations.changed_month_number <= spine.snapshot_number

),

without_visits as (

    select
        member_months.payer_key,
        member_months.person_key,
        snapshots.snapshot_number,
        snapshots.snapshot_date,
        snapshots.recent_start_date,
        snapshots.is_program_only,
        rules.rx_min_fills
    from member_months
    inner join snapshots
        on
            member_months.payer_key = snapshots.payer_key
            and member_months.month_number = snapshots.snapshot_number
    inner join rules on member_months.payer_key = rules.payer_key
    left join with_visits
        on
            member_months.person_key = with_visits.person_key
            and member_months.month_number = with_visits.snapshot_number
    where with_visits.person_key is null and rules.is_rx_fallback

),

fill_dates as (

    select
        person_key,
        prescriber_npi,
        fill_date
    from fills
    where prescriber_npi is not null
    group by person_key, prescriber_npi, fill_date

),

prescriber_scores as (

    select
        without_visits.payer_key,
        without_visits.person_key,
        without_visits.snapshot_number,
        without_visits.rx_min_fills,
        without_visits.is_program_only,
        fill_dates.prescriber_npi,
        count(*) as score,
        max(fill_dates.fill_date) as last_fill_date
    from without_visits
    inner join fill_dates
        on
            without_visits.person_key = fill_dates.person_key
            and fill_dates.fill_date
            between without_visits.recent_start_date and without_visits.snapshot_date
    group by
        without_visits.payer_key,
        without_visits.person_key,
        without_visits.snapshot_number,
        without_visits.rx_min_fills,
        without_visits.is_program_only,
        fill_dates.prescriber_npi

),

primary_care_scores as (

    select
        prescriber_scores.person_key,
        prescriber_scores.snapshot_number,
        prescriber_scores.rx_min_fills,
        prescriber_scores.prescriber_npi,
        prescriber_scores.score,
        prescriber_scores.last_fill_date,
        coalesce(clinician_months.program_group_number, clinician_months.tin_group_number)
            as group_number
    from prescriber_scores
    inner join clinician_months
        on
            prescriber_scores.payer_key = clinician_months.payer_key
            and prescriber_scores.prescriber_npi = clinician_months.npi
            and prescriber_scores.snapshot_number = clinician_months.snapshot_number
    where
        clinician_months.program_group_number is not null
        or not prescriber_scores.is_program_only

),

placed as (

    select
        *,
        row_number() over standing as place,
        lead(group_number) over standing as next_group_number,
        lead(score) over standing as next_score,
        lead(last_fill_date) over standing as next_last_fill_date
    from primary_care_scores
    window standing as (
        partition by person_key, snapshot_number
        order by score desc, last_fill_date desc, prescriber_npi
    )

),

final as (

    select
        cast(person_key as int) as person_key,
        cast(snapshot_number as int) as snapshot_number,
        cast(group_number as bigint) as group_number,
        cast(prescriber_npi as bigint) as npi,
        cast(next_group_number as bigint) as runner_up_group_number,
        cast(
            case
                when next_score is null or score > next_score then null
                when last_fill_date > next_last_fill_date then 5
                else 6
            end as int
        ) as tie_break_step,
        cast(score as bigint) as score,
        cast(next_score as bigint) as runner_up_score,
        cast(last_fill_date as date) as last_fill_date
    from placed
    where place = 1 and score >= rx_min_fills

)

select * from final
