-- METHODS H.2: the same months seen by each reporting unit.
--   panel                 attributed to the unit
--   all_others            in the program's market area, not attributed to the program
--   attributed_elsewhere  in the market area, attributed to a group that is no program
-- One row per person of a comparison: only persons with the payer's minimum of member months
-- before the period, on both sides. Cost is capped per person (A.9) where it is added up here.

{{ config(materialized=light_materialization()) }}

with

units as (

    select * from {{ ref('int_reporting_unit') }}

),

program_periods as (

    select * from {{ ref('int_program_period') }} where period_role in ('baseline', 'performance')

),

program_terms as (

    select * from {{ ref('stg_ledger__program_terms') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

member_periods as (

    select * from {{ ref('int_outcome_member_period') }}

),

unit_periods as (

    select
        units.reporting_unit_id,
        units.program_id,
        units.partner_id,
        units.payer,
        units.market_area_id,
        program_periods.period_role,
        program_periods.period_id,
        program_terms.outcome_min_member_months,
        program_terms.include_rx,
        cast(program_terms.truncation_amount * 100 as bigint) as truncation_cents
    from units
    inner join program_periods on units.program_id = program_periods.program_id
    inner join program_terms on units.program_id = program_terms.program_id

),

of_payer as (

    select
        member_periods.*,
        persons.payer
    from member_periods
    inner join persons on member_periods.person_key = persons.person_key

),

compared as (

    select
        unit_periods.reporting_unit_id,
        unit_periods.period_role,
        'panel' as comparison,
        of_payer.*
    from unit_periods
    inner join of_payer
        on
            unit_periods.payer = of_payer.payer
            and unit_periods.period_id = of_payer.period_id
            and unit_periods.program_id = of_payer.program_id
    where
        of_payer.prior_member_months >= unit_periods.outcome_min_member_months
        and (unit_periods.partner_id is null or unit_periods.partner_id = of_payer.partner_id)
    union all
    select
        unit_periods.reporting_unit_id,
        unit_periods.period_role,
        'all_others' as comparison,
        of_payer.*
    from unit_periods
    inner join of_payer
        on
            unit_periods.payer = of_payer.payer
            and unit_periods.period_id = of_payer.period_id
            and unit_periods.market_area_id = of_payer.market_area_id
    where
        of_payer.prior_member_months >= unit_periods.outcome_min_member_months
        and coalesce(of_payer.program_id, '') <> unit_periods.program_id
    union all
    select
        unit_periods.reporting_unit_id,
        unit_periods.period_role,
        'attributed_elsewhere' as comparison,
        of_payer.*
    from unit_periods
    inner join of_payer
        on
            unit_periods.payer = of_payer.payer
            and unit_periods.period_id = of_payer.period_id
            and unit_periods.market_area_id = of_payer.market_area_id
    where
        of_payer.prior_member_months >= unit_periods.outcome_min_member_months
        and of_payer.is_attributed_elsewhere

),

added_up as (

    select
        reporting_unit_id,
        period_role,
        comparison,
        person_key,
        sex,
        age_band_er,
        age_band_risk,
        condition_count,
        sum(member_months) as member_months,
        sum(ed_visits) as ed_visits,
        sum(medical_allowed_cents) as medical_allowed_cents,
        sum(rx_allowed_cents) as rx_allowed_cents
    from compared
    group by
        reporting_unit_id,
        period_role,
        comparison,
        person_key,
        sex,
        age_band_er,
        age_band_risk,
        condition_count

),

final as (

    select
        cast(unit_periods.reporting_unit_id as string) as reporting_unit_id,
        cast(unit_periods.program_id as string) as program_id,
        cast(unit_periods.partner_id as string) as partner_id,
        cast(unit_periods.period_role as string) as period_role,
        cast(added_up.comparison as string) as comparison,
        cast(added_up.person_key as int) as person_key,
        cast(added_up.sex as string) as sex,
        cast(added_up.age_band_er as string) as age_band_er,
        cast(added_up.age_band_risk as string) as age_band_risk,
        cast(added_up.condition_count as int) as condition_tier,
        cast(added_up.member_months as int) as member_months,
        cast(added_up.ed_visits as int) as ed_visits,
        cast(
            added_up.medical_allowed_cents
            + case when unit_periods.include_rx then added_up.rx_allowed_cents else 0 end as bigint
        ) as allowed_cents,
        cast(
            least(
                added_up.medical_allowed_cents
                + case when unit_periods.include_rx then added_up.rx_allowed_cents else 0 end,
                unit_periods.truncation_cents
            ) as bigint
        ) as truncated_allowed_cents
    from added_up
    inner join unit_periods
        on
            added_up.reporting_unit_id = unit_periods.reporting_unit_id
            and added_up.period_role = unit_periods.period_role

)

select * from final
