-- METHODS H.3 and H.4: persons with equal cell, months and visits are one pattern, which is all
-- that rates, dispersion and the bootstrap need.

with

comparisons as (

    select * from {{ ref('int_outcome_comparison') }}

),

patterns as (

    select
        reporting_unit_id,
        program_id,
        partner_id,
        period_role,
        comparison,
        age_band_er as age_band,
        sex,
        condition_tier,
        member_months,
        ed_visits as visits,
        count(*) as persons
    from comparisons
    where member_months > 0
    group by
        reporting_unit_id,
        program_id,
        partner_id,
        period_role,
        comparison,
        age_band_er,
        sex,
        condition_tier,
        member_months,
        ed_visits

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
        cast(member_months as int) as member_months,
        cast(visits as int) as visits,
        cast(persons as bigint) as persons
    from patterns

)

select * from final
