{{
    config(
        materialized=growing_materialization(),
        incremental_strategy='append',
        pre_hook='{{ forget_changed_months(\"month_number\") }}'
    )
}}

-- METHODS B.3: outcomes and cost of month m belong to the snapshot outcome_lag_months before it
-- (the end of month m - 1), so that a visit caused by the month's own illness never decides who is
-- in the panel. Visits count in member months only (H.3); cost counts for the person even in a
-- month that is none (A.7 step 5: she left or died before the day that counts), in the market of
-- the member month before it.

with

member_months as (

    select *
    from {{ with_changed_month(ref('int_member_month_counted')) }} as member_months
    where is_medical

),

versions as (

    select * from {{ ref('int_coverage_version') }}

),

utilization as (

    select * from {{ with_changed_month(ref('int_member_utilization')) }} as utilization

),

decided as (

    select * from {{ ref('int_attribution_decided') }}

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

program_clinicians as (

    select * from {{ ref('int_program_clinician_month') }}

),

rules as (

    select * from {{ ref('int_payer_rule') }}

),

snapshots as (

    select * from {{ ref('int_attribution_snapshot') }}

),

-- Months whose snapshot exists.
payer_months as (

    select
        rules.payer_key,
        snapshots.snapshot_number,
        snapshots.snapshot_number + rules.outcome_lag_months as month_number
    from rules
    inner join snapshots on rules.payer_key = snapshots.payer_key

),

-- What is used and what is a member month in these months.
member_months_in_reach as (

    select member_months.*
    from member_months
    where
        member_months.month_number in (select month_number from payer_months)
        and member_months.month_number >= member_months.changed_month_number

),

utilization_in_reach as (

    select utilization.*
    from utilization
    where
        utilization.month_number in (select month_number from payer_months)
        and utilization.month_number >= utilization.changed_month_number

),

-- One meeting of months and use: a month without use, a month with, and use outside of months.
months_and_use as (

    select
        coalesce(member_months.person_key, utilization.person_key) as person_key,
        coalesce(member_months.month_number, utilization.month_number) as month_number,
        member_months.payer_key,
        member_months.version_number,
        member_months.is_program_product,
        coalesce(utilization.ed_visits, 0) as ed_visits,
        coalesce(utilization.ed_visits_all, 0) as ed_visits_all,
        coalesce(utilization.inpatient_stays, 0) as inpatient_stays,
        coalesce(utilization.office_visits, 0) as office_visits,
        coalesce(utilization.telehealth_visits, 0) as telehealth_visits,
        coalesce(utilization.primary_care_visits, 0) as primary_care_visits,
        coalesce(utilization.medical_allowed_cents, 0) as medical_allowed_cents,
        coalesce(utilization.rx_allowed_cents, 0) as rx_allowed_cents
    from member_months_in_reach as member_months
    full outer join utilization_in_reach as utilization
        on
            member_months.person_key = utilization.person_key
            and member_months.month_number = utilization.month_number

),

-- Who was no member in the month before either had left: that cost is nobody's, on both sides.
placed_cost as (

    select
        uncounted.person_key,
        member_months.payer_key,
        uncounted.month_number,
        member_months.version_number,
        uncounted.medical_allowed_cents,
        uncounted.rx_allowed_cents
    from months_and_use as uncounted
    inner join member_months
        on
            uncounted.person_key = member_months.person_key
            and uncounted.month_number = member_months.month_number + 1
    where
        uncounted.version_number is null
        and (uncounted.medical_allowed_cents <> 0 or uncounted.rx_allowed_cents <> 0)
        and member_months.is_program_product

),

months_and_cost as (

    select
        person_key,
        payer_key,
        month_number,
        version_number,
        1 as member_months,
        ed_visits,
        ed_visits_all,
        inpatient_stays,
        office_visits,
        telehealth_visits,
        primary_care_visits,
        medical_allowed_cents,
        rx_allowed_cents
    from months_and_use
    where is_program_product
    union all
    select
        person_key,
        payer_key,
        month_number,
        version_number,
        0 as member_months,
        0 as ed_visits,
        0 as ed_visits_all,
        0 as inpatient_stays,
        0 as office_visits,
        0 as telehealth_visits,
        0 as primary_care_visits,
        medical_allowed_cents,
        rx_allowed_cents
    from placed_cost

),

final as (

    select
        cast(months_and_cost.person_key as int) as person_key,
        cast(payer_months.payer_key as int) as payer_key,
        cast(months_and_cost.month_number as int) as month_number,
        cast(versions.market_area_id as string) as market_area_id,
        cast(groups.program_id as string) as program_id,
        cast(program_clinicians.partner_id as string) as partner_id,
        cast(months_and_cost.member_months as int) as member_months,
        cast(months_and_cost.ed_visits as int) as ed_visits,
        cast(months_and_cost.ed_visits_all as int) as ed_visits_all,
        cast(months_and_cost.inpatient_stays as int) as inpatient_stays,
        cast(months_and_cost.office_visits as int) as office_visits,
        cast(months_and_cost.telehealth_visits as int) as telehealth_visits,
        cast(months_and_cost.primary_care_visits as int) as primary_care_visits,
        cast(months_and_cost.medical_allowed_cents as bigint) as medical_allowed_cents,
        cast(months_and_cost.rx_allowed_cents as bigint) as rx_allowed_cents,
        cast(
            decided.group_number is not null and not decided.is_in_program as boolean
        ) as is_attributed_elsewhere,
        cast(
            make_date(
                cast(floor(months_and_cost.month_number / 12) as int),
                cast(months_and_cost.month_number % 12 + 1 as int),
                1
            ) as date
        ) as month_start_date
    from months_and_cost
    inner join versions on months_and_cost.version_number = versions.version_number
    inner join payer_months
        on
            months_and_cost.payer_key = payer_months.payer_key
            and months_and_cost.month_number = payer_months.month_number
    left join decided
        on
            months_and_cost.person_key = decided.person_key
            and payer_months.snapshot_number = decided.snapshot_number
    left join groups on decided.group_number = groups.group_number
    left join program_clinicians
        on
            decided.payer_key = program_clinicians.payer_key
            and decided.npi = program_clinicians.npi
            and decided.group_number = program_clinicians.group_number
            and decided.snapshot_number = program_clinicians.snapshot_number

)

select * from final
