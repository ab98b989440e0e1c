-- What a program's members used in a month, by the panel of the snapshot before it (METHODS B.3,
-- "no selection on the outcome"). Rates are per 1,000 member-years: 12,000 x count / member months
-- (METHODS 0.2, rule 7); cost is allowed, not truncated.

with

outcome_months as (

    select * from {{ ref('int_outcome_member_month') }} where program_id is not null

),

added_up as (

    select
        program_id,
        month_start_date,
        cast(sum(member_months) as bigint) as member_months,
        cast(sum(ed_visits) as bigint) as ed_visits,
        cast(sum(ed_visits_all) as bigint) as ed_visits_all,
        cast(sum(inpatient_stays) as bigint) as inpatient_stays,
        cast(sum(office_visits) as bigint) as office_visits,
        cast(sum(telehealth_visits) as bigint) as telehealth_visits,
        cast(sum(primary_care_visits) as bigint) as primary_care_visits,
        cast(sum(medical_allowed_cents) as bigint) as medical_allowed_cents,
        cast(sum(rx_allowed_cents) as bigint) as rx_allowed_cents,
        cast(sum(medical_allowed_cents + rx_allowed_cents) as bigint) as allowed_cents
    from outcome_months
    group by program_id, month_start_date

),

final as (

    select
        cast(program_id as string) as program_id,
        cast(month_start_date as date) as month_start_date,
        cast(member_months as bigint) as member_months,
        cast(ed_visits as bigint) as ed_visits,
        cast(ed_visits_all as bigint) as ed_visits_all,
        cast(inpatient_stays as bigint) as inpatient_stays,
        cast(office_visits as bigint) as office_visits,
        cast(telehealth_visits as bigint) as telehealth_visits,
        cast(primary_care_visits as bigint) as primary_care_visits,
        cast(
            {{ rounded_quotient('ed_visits * 120000000', 'member_months') }} * 0.0001
            as decimal(18, 4)
        ) as ed_visits_per_1000,
        cast(
            {{ rounded_quotient('inpatient_stays * 120000000', 'member_months') }} * 0.0001
            as decimal(18, 4)
        ) as inpatient_stays_per_1000,
        cast(medical_allowed_cents * 0.01 as decimal(18, 2)) as medical_allowed_amount,
        cast(rx_allowed_cents * 0.01 as decimal(18, 2)) as rx_allowed_amount,
        cast(
            {{ rounded_quotient('allowed_cents', 'member_months') }} * 0.01 as decimal(18, 2)
        ) as allowed_pmpm_amount
    from added_up

)

select * from final
