-- METHODS D.0: the gaps in care of programs' members, in the year of the run's day and the year
-- before it. First rule that fits: excluded, an event nobody can act on any more, not enough data,
-- overdue, due soon (60 days), closed, open. In a year that has ended whatever was not closed is
-- missed. Where lower is better, out of the numerator is closed. A gap closed by a late claim is
-- closed on the day of service, and known since its delivery; one whose evidence a later delivery
-- took away was reopened that day, and so was one whose exclusion was taken away.

with

results as (

    select * from {{ ref('int_measure_result') }}

),

years as (

    select * from {{ ref('int_measure_year') }}

),

newest_year as (

    select max(measure_year) as measure_year from years

),

members as (

    select * from {{ ref('int_quality_member') }} where program_id is not null

),

measures as (

    select * from {{ ref('quality_measure') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

-- The last service that would have met the measure and was taken away by a later delivery.
withdrawn as (

    select
        years.measure_year,
        evidence.measure_id,
        events.person_key,
        events.event_date,
        events.delivered_on,
        events.withdrawn_on
    from {{ ref('int_withdrawn_event') }} as events
    inner join ({{ single_service_rows() }}) as evidence
        on events.concept_key = evidence.concept_key
    inner join years
        on
            events.event_date <= years.evaluation_date
            and events.event_date > {{ date_plus_months(
                'years.period_end_date', '-evidence.months'
            ) }}
    qualify row_number() over (
        partition by years.measure_year, evidence.measure_id, events.person_key
        order by events.withdrawn_on desc, events.event_date desc, events.delivered_on desc
    ) = 1

),

-- The last delivery that took a reason to be excluded away.
withdrawn_exclusions as (

    select
        years.measure_year,
        measures.measure_id,
        events.person_key,
        max(events.withdrawn_on) as exclusion_withdrawn_on
    from {{ ref('int_withdrawn_event') }} as events
    inner join ({{ exclusion_rows() }}) as evidence on events.concept_key = evidence.concept_key
    inner join years
        on
            events.event_date <= years.evaluation_date
            and (
                evidence.measure_id is not null
                or events.event_date
                > {{ date_plus_months('years.period_end_date', -12) }}
            )
    inner join (select distinct measure_id from measures) as measures
        on coalesce(evidence.measure_id, measures.measure_id) = measures.measure_id
    group by years.measure_year, measures.measure_id, events.person_key

),

judged as (

    select
        results.*,
        withdrawn_exclusions.exclusion_withdrawn_on,
        withdrawn.event_date as withdrawn_date,
        withdrawn.delivered_on as withdrawn_seen_on,
        withdrawn.withdrawn_on,
        persons.payer,
        persons.person_id,
        members.program_id,
        members.partner_id,
        members.practice_id,
        members.npi,
        measures.weight,
        measures.is_well_informed,
        measures.is_actionable,
        years.is_open,
        years.evaluation_date,
        results.is_denominator
        and results.is_measurable
        and results.is_numerator = measures.is_higher_better as is_met,
        case
            when measures.is_event_based then results.measured_date
            else greatest(members.first_covered_date, members.period_start_date)
        end as opened_on
    from results
    inner join years on results.measure_year = years.measure_year
    inner join newest_year on results.measure_year >= newest_year.measure_year - 1
    inner join members
        on results.measure_year = members.measure_year and results.person_key = members.person_key
    inner join measures
        on
            results.measure_id = measures.measure_id
            and results.measure_version = measures.measure_version
    inner join persons on results.person_key = persons.person_key
    left join withdrawn
        on
            results.measure_year = withdrawn.measure_year
            and results.measure_id = withdrawn.measure_id
            and results.person_key = withdrawn.person_key
    left join withdrawn_exclusions
        on
            results.measure_year = withdrawn_exclusions.measure_year
            and results.measure_id = withdrawn_exclusions.measure_id
            and results.person_key = withdrawn_exclusions.person_key

),

final as (

    select
        cast(judged.payer as string) as payer,
        cast(judged.person_id as string) as person_id,
        cast(judged.program_id as string) as program_id,
        cast(judged.partner_id as string) as partner_id,
        cast(judged.practice_id as string) as practice_id,
        cast(lpad(cast(judged.npi as string), 10, '0') as string) as npi,
        cast(judged.measure_id as string) as measure_id,
        cast(judged.measure_version as string) as measure_version,
        cast(
            case
                when not judged.is_denominator then 'EXCLUDED'
                when not judged.is_actionable then 'EVENT_ONLY'
                when not judged.is_measurable then 'NOT_ENOUGH_DATA'
                when not judged.is_open and judged.is_met then 'CLOSED'
                when not judged.is_open then 'MISSED'
                when judged.due_date < judged.evaluation_date then 'OVERDUE'
                when judged.due_date <= {{ date_plus_days('judged.evaluation_date', 60) }}
                    then 'DUE_SOON'
                when judged.is_met then 'CLOSED'
                else 'OPEN'
            end as string
        ) as state,
        cast(judged.exclusion_reason as string) as exclusion_reason,
        cast(
            case
                when not judged.is_met or judged.evidence_date is null then null
                when judged.evidence_claim_key is not null then 'claim'
                else 'fill_or_result'
            end as string
        ) as closed_by,
        cast(judged.measure_year as int) as measure_year,
        cast(judged.weight as int) as weight,
        cast(
            case
                when
                    judged.is_open
                    and judged.is_denominator
                    and judged.is_measurable
                    and judged.is_actionable
                    then greatest(
                        {{ whole_days_between('judged.due_date', 'judged.evaluation_date') }}, 0
                    )
                else 0
            end as int
        ) as days_overdue,
        cast(judged.evidence_claim_key as bigint) as evidence_claim_key,
        cast(judged.evidence_value as decimal(12, 3)) as evidence_value,
        cast(judged.is_met as boolean) as is_met,
        cast(judged.is_well_informed as boolean) as is_well_informed,
        cast(judged.measured_date as date) as measured_date,
        cast(judged.evidence_date as date) as evidence_date,
        cast(judged.due_date as date) as due_date,
        cast(judged.opened_on as date) as opened_on,
        cast(case when judged.is_met then judged.evidence_date end as date) as closed_on,
        cast(case when judged.is_met then judged.evidence_known_on end as date) as closed_seen_on,
        {%- set was_reopened = (
            'judged.is_denominator and '
            ~ '(not judged.is_met or judged.evidence_known_on > judged.withdrawn_on)'
        ) %}
        cast(case when {{ was_reopened }} then judged.withdrawn_date end as date)
            as earlier_closed_on,
        cast(case when {{ was_reopened }} then judged.withdrawn_seen_on end as date)
            as earlier_closed_seen_on,
        cast(
            coalesce(
                case when {{ was_reopened }} then judged.withdrawn_on end,
                case
                    when judged.is_denominator and judged.is_actionable and not judged.is_met
                        then judged.exclusion_withdrawn_on
                end
            ) as date
        ) as reopened_on
    from judged

)

select * from final
