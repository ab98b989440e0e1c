-- METHODS D.0, for a person who asks why: every enrolled member and measure of every measured year,
-- in or out, by which rule, on which evidence, and what would close the gap. A view: one member at
-- a time is asked for (`python -m orchestration explain`), and nobody wants all of it written.

{{ config(materialized=light_materialization()) }}

with

members as (

    select * from {{ ref('int_quality_member') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

measures as (

    select * from {{ ref('quality_measure') }}

),

definitions as (

    select * from {{ ref('measure_definition') }}

),

results as (

    select * from {{ ref('int_measure_result') }}

),

gaps as (

    select * from {{ ref('fct_gap') }}

),

judged as (

    select
        persons.payer,
        persons.person_id,
        members.program_id,
        members.measure_year,
        members.evaluation_date,
        measures.measure_id,
        measures.measure_version,
        measures.measure_name,
        measures.is_higher_better,
        results.exclusion_reason,
        results.is_measurable,
        results.is_numerator,
        results.measured_date,
        results.evidence_claim_key,
        results.evidence_value,
        results.evidence_date,
        results.evidence_known_on,
        results.due_date,
        case measures.age_basis when 'start' then members.age_at_start else members.age_at_end end
            as age,
        case
            when results.exclusion_reason is not null then 'EXCLUDED'
            when not results.is_measurable then 'NOT_ENOUGH_DATA'
            when results.person_key is not null then 'IN'
            else 'OUT'
        end as standing,
        case
            when results.person_key is not null then results.exclusion_reason
            when measures.sex is not null and coalesce(members.sex, '') <> measures.sex then 'SEX'
            when
                case measures.age_basis
                    when 'start' then members.age_at_start
                    else members.age_at_end
                end not between measures.age_low and measures.age_high
                then 'AGE'
            when
                not case measures.enrolment
                    when 'year' then true
                    when 'since_october' then coalesce(members.is_enrolled_since_october, false)
                    when 'rx' then coalesce(members.is_enrolled_rx, false)
                    when 'two_years' then coalesce(members.is_enrolled_two_years, false)
                    else
                        coalesce(members.is_enrolled_two_years, false)
                        and coalesce(members.is_enrolled_rx_two_years, false)
                end
                then 'COVER'
            else 'CONDITION_OR_EVENT'
        end as reason
    from members
    inner join persons on members.person_key = persons.person_key
    inner join measures
        on members.measure_year between measures.first_year and measures.last_year
    left join results
        on
            members.measure_year = results.measure_year
            and members.person_key = results.person_key
            and measures.measure_id = results.measure_id

),

final as (

    select
        cast(judged.payer as string) as payer,
        cast(judged.person_id as string) as person_id,
        cast(judged.program_id as string) as program_id,
        cast(judged.measure_id as string) as measure_id,
        cast(judged.measure_version as string) as measure_version,
        cast(judged.measure_name as string) as measure_name,
        cast(definitions.population as string) as population,
        cast(definitions.met_by as string) as met_by,
        cast(judged.standing as string) as standing,
        cast(judged.reason as string) as reason,
        cast(gaps.state as string) as state,
        cast(gaps.closed_by as string) as closed_by,
        cast(judged.measure_year as int) as measure_year,
        cast(judged.age as int) as age,
        cast(judged.evidence_claim_key as bigint) as evidence_claim_key,
        cast(judged.evidence_value as decimal(12, 3)) as evidence_value,
        cast(
            case when judged.standing = 'IN' then judged.is_numerator = judged.is_higher_better end
            as boolean
        ) as is_met,
        cast(judged.is_higher_better as boolean) as is_higher_better,
        cast(judged.measured_date as date) as measured_date,
        cast(judged.evidence_date as date) as evidence_date,
        cast(judged.evidence_known_on as date) as evidence_known_on,
        cast(judged.due_date as date) as due_date,
        cast(gaps.opened_on as date) as opened_on,
        cast(gaps.earlier_closed_on as date) as earlier_closed_on,
        cast(gaps.reopened_on as date) as reopened_on,
        cast(judged.evaluation_date as date) as evaluation_date
    from judged
    inner join definitions on judged.measure_id = definitions.measure_id
    left join gaps
        on
            judged.payer = gaps.payer
            and judged.person_id = gaps.person_id
            and judged.measure_id = gaps.measure_id
            and judged.measure_year = gaps.measure_year
            and judged.measured_date = gaps.measured_date

)

select * from final
