{{ config(materialized='ephemeral') }}

-- METHODS D.1 M14: persistent asthma in the year and the one before: an emergency visit or stay for
-- it, or four visits with it and two units dispensed, or four units dispensed (with a diagnosis
-- where they are leukotriene modifiers or antibodies alone). Half of the units are controllers.
-- Other lung disease ever, and no asthma drug in the year, exclude.

with

members as (

    {{ measure_members('M14') }}

),

events as (

    select
        *,
        case when event_date >= period_start_date then 0 else 1 end as years_back
    from ({{ member_events([
        'asthma',
        'asthma_emergency',
        'asthma_reliever',
        'asthma_controller',
        'asthma_leukotriene_or_antibody',
    ]) }}) as asthma_events
    where event_date >= make_date(measure_year - 1, 1, 1)

),

years as (

    select
        measure_year,
        person_key,
        years_back,
        bool_or(concept_key = {{ concept('asthma_emergency') }}) as has_emergency,
        count(distinct case
            when
                concept_key = {{ concept('asthma') }} and source_kind = {{ source_kind('visit') }}
                then event_date
        end) as visit_days,
        bool_or(concept_key = {{ concept('asthma') }}) as has_diagnosis,
        sum(case when source_kind = {{ source_kind('fill') }} then value else 0 end) as units,
        sum(
            case
                when
                    concept_key in {{ concepts(['asthma_reliever', 'asthma_controller']) }}
                    then value
                else 0
            end
        ) as other_units,
        sum(case when concept_key = {{ concept('asthma_reliever') }} then value else 0 end)
            as reliever_units,
        max(case when source_kind = {{ source_kind('fill') }} then event_date end) as last_fill_date
    from events
    group by measure_year, person_key, years_back

),

persistent as (

    select
        measure_year,
        person_key
    from years
    where
        has_emergency
        or (visit_days >= 4 and units >= 2)
        or (units >= 4 and (has_diagnosis or other_units > 0))
    group by measure_year, person_key
    having count(*) = 2

),

with_asthma as (

    select
        members.*,
        years.units,
        years.reliever_units,
        years.last_fill_date
    from members
    inner join persistent
        on
            members.measure_year = persistent.measure_year
            and members.person_key = persistent.person_key
    inner join years
        on
            members.measure_year = years.measure_year
            and members.person_key = years.person_key
            and years.years_back = 0

),

services as (

    select
        measure_year,
        person_key,
        cast(null as bigint) as claim_key,
        {{ rounded_quotient(
            'cast((units - reliever_units) * 10000 as bigint)', 'cast(units as bigint)'
        ) }} * 0.0001 as value,
        (units - reliever_units) * 2 >= units as is_met,
        last_fill_date as event_date,
        cast(null as date) as delivered_on,
        period_end_date as next_due_date
    from with_asthma
    where units > 0

),

exclusions as (

    {{ excluded_by('OTHER_LUNG_DISEASE', ['asthma_excluding_lung_disease']) }}
    union all
    select
        measure_year,
        person_key,
        'NO_ASTHMA_DRUG' as reason
    from with_asthma
    where units = 0

),

{{ measure_rows(one_service=true, population='with_asthma') }}

select * from final
