-- METHODS G.2: HHS-HCC scores of programs' members, beside the mean of all members of the payer, since
-- scores are only comparable after that. Empty until the official tables are in the seeds hhs_hcc_*.

with

scores as (

    select * from {{ ref('int_hhs_hcc_score') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

decided as (

    select * from {{ ref('int_attribution_decided') }} where is_in_program

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

years as (

    select distinct benefit_year from scores

),

-- The panel of the year's last month, or of the newest snapshot before it.
snapshots as (

    select
        years.benefit_year,
        snapshots.payer_key,
        max(snapshots.snapshot_number) as snapshot_number
    from years
    inner join {{ ref('int_attribution_snapshot') }} as snapshots
        on snapshots.snapshot_number <= years.benefit_year * 12 + 11
    group by years.benefit_year, snapshots.payer_key

),

means as (

    select
        scores.benefit_year,
        scores.metal,
        persons.payer,
        sum(scores.enrolled_months) as all_months,
        sum(cast(scores.risk_score * 1000 as bigint) * scores.enrolled_months) as all_thousandths
    from scores
    inner join persons on scores.person_key = persons.person_key
    group by scores.benefit_year, scores.metal, persons.payer

),

final as (

    select
        cast(persons.payer as string) as payer,
        cast(persons.person_id as string) as person_id,
        cast(groups.program_id as string) as program_id,
        cast(scores.metal as string) as metal,
        cast(scores.age_model as string) as age_model,
        cast(scores.benefit_year as int) as benefit_year,
        cast(scores.age_last as int) as age_last,
        cast(scores.enrolled_months as int) as enrolled_months,
        cast(scores.payment_terms as int) as payment_terms,
        cast(scores.demographic_score as decimal(9, 3)) as demographic_score,
        cast(scores.risk_score as decimal(9, 3)) as risk_score,
        cast(
            {{ rounded_quotient(
                'cast(scores.risk_score * 1000 as bigint) * means.all_months * 1000000',
                'means.all_thousandths'
            ) }} * 0.000001 as decimal(12, 6)
        ) as relative_score
    from scores
    inner join persons on scores.person_key = persons.person_key
    inner join means
        on
            scores.benefit_year = means.benefit_year
            and scores.metal = means.metal
            and persons.payer = means.payer
    inner join snapshots
        on
            scores.benefit_year = snapshots.benefit_year
            and persons.payer_key = snapshots.payer_key
    inner join decided
        on
            scores.person_key = decided.person_key
            and snapshots.snapshot_number = decided.snapshot_number
    inner join groups on decided.group_number = groups.group_number

)

select * from final
