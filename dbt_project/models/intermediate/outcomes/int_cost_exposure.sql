-- METHODS I.1 and A.9: cost and months of a comparison by risk cell; cost is capped per person in
-- the comparison and period, pharmacy included where the program's terms include it.

with

comparisons as (

    select * from {{ ref('int_outcome_comparison') }}

),

added_up as (

    select
        reporting_unit_id,
        program_id,
        partner_id,
        period_role,
        comparison,
        age_band_risk as age_band,
        sex,
        condition_tier,
        sum(case when member_months > 0 then 1 else 0 end) as persons,
        sum(member_months) as member_months,
        sum(allowed_cents) as allowed_cents,
        sum(truncated_allowed_cents) as truncated_allowed_cents
    from comparisons
    group by
        reporting_unit_id,
        program_id,
        partner_id,
        period_role,
        comparison,
        age_band_risk,
        sex,
        condition_tier

),

final as (

    select
        cast(reporting_unit_id as string) as reporting_unit_id,
        cast(program_id as string) as program_id,
        cast(partner_id as string) as partner_id,
        cast(period_role as string) as period_role,
        cast(comparison as string) as comparison,
        cast(age_band as string) as age_band,
        cast(sex as string) as sex,
        cast(condition_tier as int) as condition_tier,
        cast(persons as bigint) as persons,
        cast(member_months as bigint) as member_months,
        cast(allowed_cents as bigint) as allowed_cents,
        cast(truncated_allowed_cents as bigint) as truncated_allowed_cents
    from added_up

)

select * from final
