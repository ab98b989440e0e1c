{{ config(materialized='ephemeral') }}

-- METHODS D.1 M06: members with diabetes whose lowest HbA1c on the most recent day with a result in
-- the year is above 9 percent, or that have no value. The bad event is the numerator, so no test is
-- one. M06B, its companion: below 8 percent, where no test is not met. In control the next test is
-- due after the measure's interval, else in 90 days (retest_days). A test that was only billed is no
-- result.

with

members as (

    {{ diabetic_members(['M06', 'M06B']) }}

),

results as (

    {{ member_events(['hba1c']) }}
    and (events.source_kind = {{ source_kind('result') }} or events.value is not null)

),

result_days as (

    select
        measure_id,
        measure_year,
        person_key,
        interval_months,
        event_date,
        min(value) as lowest_value,
        max(claim_key) as claim_key,
        min(delivered_on) as delivered_on
    from results
    where event_date >= period_start_date
    group by measure_id, measure_year, person_key, interval_months, event_date

),

services as (

    select
        measure_id,
        measure_year,
        person_key,
        claim_key,
        lowest_value as value,
        case measure_id
            when 'M06' then coalesce(lowest_value > 9, true)
            else coalesce(lowest_value < 8, false)
        end as is_met,
        event_date,
        delivered_on,
        case
            when case measure_id when 'M06' then lowest_value <= 9 else lowest_value < 8 end
                then {{ date_plus_months('event_date', 'interval_months') }}
            else {{ date_plus_days('event_date', 90) }}
        end as next_due_date
    from result_days
    qualify row_number() over (
        partition by measure_id, measure_year, person_key order by event_date desc
    ) = 1

),

valued_years as (

    select distinct measure_year from services where value is not null

),

{{ measure_rows(
    has_exclusions=false,
    has_rates=true,
    one_service=true,
    unmet_is_numerator="(members.measure_id = 'M06')",
    eligible_date='condition_date',
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}

select * from final
