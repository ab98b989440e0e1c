-- METHODS H.3 and I.1: a member's months, visits and cost in a measurement period, by where she
-- belonged in each of them; a person is panel in some months and market in others. Cells: age at
-- the period's end, sex, and the conditions known before the period (H.3, G.3 step 5).

with

outcome_months as (

    select * from {{ ref('int_outcome_member_month') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

programs as (

    select * from {{ ref('int_program_market') }}

),

program_periods as (

    select * from {{ ref('int_program_period') }}

),

member_months as (

    select * from {{ ref('int_member_month_counted') }} where is_medical

),

conditions as (

    select * from {{ ref('int_member_condition') }}

),

payer_periods as (

    select distinct
        programs.payer_key,
        program_periods.period_id,
        program_periods.period_start_date,
        program_periods.period_end_date,
        {{ month_number('program_periods.period_start_date') }} as first_month_number,
        {{ month_number('program_periods.period_end_date') }} as last_month_number,
        {{ date_plus_days('program_periods.period_start_date', -1) }} as known_on_date
    from program_periods
    inner join programs on program_periods.program_id = programs.program_id

),

added_up as (

    select
        payer_periods.period_id,
        outcome_months.person_key,
        outcome_months.market_area_id,
        outcome_months.program_id,
        outcome_months.partner_id,
        outcome_months.is_attributed_elsewhere,
        sum(outcome_months.member_months) as member_months,
        sum(outcome_months.ed_visits) as ed_visits,
        sum(outcome_months.ed_visits_all) as ed_visits_all,
        sum(outcome_months.inpatient_stays) as inpatient_stays,
        sum(outcome_months.medical_allowed_cents) as medical_allowed_cents,
        sum(outcome_months.rx_allowed_cents) as rx_allowed_cents
    from outcome_months
    inner join payer_periods
        on
            outcome_months.payer_key = payer_periods.payer_key
            and outcome_months.month_number
            between payer_periods.first_month_number and payer_periods.last_month_number
    group by
        payer_periods.period_id,
        outcome_months.person_key,
        outcome_months.market_area_id,
        outcome_months.program_id,
        outcome_months.partner_id,
        outcome_months.is_attributed_elsewhere

),

prior_months as (

    select
        payer_periods.period_id,
        member_months.person_key,
        count(*) as prior_member_months
    from member_months
    inner join persons on member_months.person_key = persons.person_key
    inner join payer_periods
        on
            persons.payer_key = payer_periods.payer_key
            and member_months.month_number
            between payer_periods.first_month_number - 12 and payer_periods.first_month_number - 1
    group by payer_periods.period_id, member_months.person_key

),

condition_counts as (

    select
        as_of_date,
        person_key,
        count(distinct condition) as condition_count
    from conditions
    group by as_of_date, person_key

),

described as (

    select
        added_up.*,
        persons.sex,
        {{ completed_years('persons.birth_date', 'payer_periods.period_end_date') }} as age,
        coalesce(prior_months.prior_member_months, 0) as prior_member_months,
        least(coalesce(condition_counts.condition_count, 0), 3) as condition_count
    from added_up
    inner join persons on added_up.person_key = persons.person_key
    inner join payer_periods
        on
            added_up.period_id = payer_periods.period_id
            and persons.payer_key = payer_periods.payer_key
    left join prior_months
        on
            added_up.period_id = prior_months.period_id
            and added_up.person_key = prior_months.person_key
    left join condition_counts
        on
            added_up.person_key = condition_counts.person_key
            and payer_periods.known_on_date = condition_counts.as_of_date

),

final as (

    select
        cast(period_id as string) as period_id,
        cast(person_key as int) as person_key,
        cast(market_area_id as string) as market_area_id,
        cast(program_id as string) as program_id,
        cast(partner_id as string) as partner_id,
        cast(sex as string) as sex,
        cast(
            case
                when age <= 1 then '0-1'
                when age <= 5 then '2-5'
                when age <= 17 then '6-17'
                when age <= 24 then '18-24'
                when age <= 34 then '25-34'
                when age <= 44 then '35-44'
                when age <= 54 then '45-54'
                when age <= 64 then '55-64'
                else '65+'
            end as string
        ) as age_band_er,
        cast(
            case
                when age <= 1 then '0-1'
                when age <= 5 then '2-5'
                when age <= 12 then '6-12'
                when age <= 17 then '13-17'
                when age <= 24 then '18-24'
                when age <= 34 then '25-34'
                when age <= 44 then '35-44'
                when age <= 54 then '45-54'
                when age <= 64 then '55-64'
                else '65+'
            end as string
        ) as age_band_risk,
        cast(age as int) as age,
        cast(condition_count as int) as condition_count,
        cast(prior_member_months as int) as prior_member_months,
        cast(member_months as int) as member_months,
        cast(ed_visits as int) as ed_visits,
        cast(ed_visits_all as int) as ed_visits_all,
        cast(inpatient_stays as int) as inpatient_stays,
        cast(medical_allowed_cents as bigint) as medical_allowed_cents,
        cast(rx_allowed_cents as bigint) as rx_allowed_cents,
        cast(medical_allowed_cents + rx_allowed_cents as bigint) as allowed_cents,
        cast(is_attributed_elsewhere as boolean) as is_attributed_elsewhere
    from described

)

select * from final
