-- METHODS D.0: who may be measured in a year: enrolled at its end, at most one gap of at most 45 days
-- in it (ce_max_gap, max_gaps), with what every measure asks of a member. A window that began before
-- the first month this warehouse speaks of begins there: what was before is not known.

with

years as (

    select * from {{ ref('int_measure_year') }}

),

persons as (

    select * from {{ ref('int_person') }}

),

spans as (

    select * from {{ ref('int_coverage_span') }}

),

months as (

    select * from {{ ref('int_month') }}

),

events as (

    select *
    from {{ ref('int_clinical_event') }}
    where
        concept_key in {{ concepts([
            'hospice',
            'palliative_care',
            'frailty',
            'advanced_illness',
            'dementia_drug',
            'diabetes_primary',
            'diabetes_in_pregnancy',
        ]) }}
        and source_kind <> {{ source_kind('supplemental') }}

),

decided as (

    select * from {{ ref('int_attribution_decided') }}

),

groups as (

    select * from {{ ref('int_attribution_group') }}

),

program_clinicians as (

    select * from {{ ref('int_program_clinician_month') }}

),

member_months as (

    select * from {{ ref('int_member_month_counted') }} where is_medical

),

versions as (

    select * from {{ ref('int_coverage_version') }}

),

panels as (

    select
        years.measure_year,
        decided.person_key,
        groups.program_id,
        program_clinicians.partner_id,
        program_clinicians.practice_id,
        decided.npi,
        decided.group_number is not null and not decided.is_in_program as is_attributed_elsewhere
    from years
    inner join decided on years.snapshot_number = decided.snapshot_number
    left join groups on decided.group_number = groups.group_number
    left join program_clinicians
        on
            decided.payer_key = program_clinicians.payer_key
            and decided.npi = program_clinicians.npi
            and decided.group_number = program_clinicians.group_number
            and decided.snapshot_number = program_clinicians.snapshot_number

),

first_days as (

    select
        kinds.coverage_kind,
        min(months.month_start_date) as first_date
    from months
    cross join (
        select 'medical' as coverage_kind
        union all
        select 'rx' as coverage_kind
    ) as kinds
    group by kinds.coverage_kind

),

windows as (

    select
        years.measure_year,
        first_days.coverage_kind,
        named.enrolment,
        greatest(
            case named.enrolment
                when 'year' then years.period_start_date
                when 'two_years' then make_date(cast(years.measure_year - 1 as int), 1, 1)
                else make_date(cast(years.measure_year - 2 as int), 10, 1)
            end,
            first_days.first_date
        ) as window_start_date,
        years.evaluation_date as window_end_date
    from years
    cross join first_days
    cross join (
        select 'year' as enrolment
        union all
        select 'two_years' as enrolment
        union all
        select 'since_october' as enrolment
    ) as named
    where first_days.coverage_kind = 'medical' or named.enrolment <> 'since_october'

),

covered as (

    select
        windows.measure_year,
        windows.coverage_kind,
        windows.enrolment,
        windows.window_start_date,
        windows.window_end_date,
        spans.person_key,
        min(spans.span_start_date) as first_span_date,
        max(spans.span_end_date) as last_span_date,
        count(*) as span_count,
        sum(
            {{ whole_days_between(
                'greatest(spans.span_start_date, windows.window_start_date)',
                'least(spans.span_end_date, windows.window_end_date)'
            ) }} + 1
        ) as covered_days
    from windows
    inner join spans
        on
            windows.coverage_kind = spans.coverage_kind
            and spans.span_start_date <= windows.window_end_date
            and spans.span_end_date >= windows.window_start_date
    group by
        windows.measure_year,
        windows.coverage_kind,
        windows.enrolment,
        windows.window_start_date,
        windows.window_end_date,
        spans.person_key

),

-- With one gap at most, all the days that lack are its days.
enrolled as (

    select
        measure_year,
        person_key,
        bool_or(coverage_kind = 'medical' and enrolment = 'year') as is_enrolled,
        bool_or(coverage_kind = 'medical' and enrolment = 'two_years') as is_enrolled_two_years,
        bool_or(enrolment = 'since_october') as is_enrolled_since_october,
        bool_or(coverage_kind = 'rx' and enrolment = 'year') as is_enrolled_rx,
        bool_or(coverage_kind = 'rx' and enrolment = 'two_years') as is_enrolled_rx_two_years
    from covered
    where
        last_span_date >= window_end_date
        and span_count - case when first_span_date <= window_start_date then 1 else 0 end <= 1
        and {{ whole_days_between('window_start_date', 'window_end_date') }} + 1 - covered_days <= 45
    group by measure_year, person_key

),

first_covers as (

    select
        person_key,
        min(span_start_date) as first_covered_date
    from spans
    group by person_key

),

-- Frailty in the year with advanced illness in it or the year before, or a drug for dementia.
findings as (

    select
        years.measure_year,
        events.person_key,
        bool_or(
            events.concept_key = {{ concept('hospice') }}
            and events.event_date >= years.period_start_date
        ) as has_hospice,
        bool_or(
            events.concept_key = {{ concept('palliative_care') }}
            and events.event_date >= years.period_start_date
        ) as has_palliative_care,
        bool_or(
            events.concept_key = {{ concept('frailty') }}
            and events.event_date >= years.period_start_date
        ) as has_frailty,
        bool_or(
            events.concept_key in {{ concepts(['advanced_illness', 'dementia_drug']) }}
        ) as has_advanced_illness,
        bool_or(
            events.concept_key in {{ concepts(['diabetes_primary', 'diabetes_in_pregnancy']) }}
            and events.source_kind = {{ source_kind('stay') }}
        ) as has_diabetes_stay,
        count(distinct case
            when
                events.concept_key in {{ concepts(['diabetes_primary', 'diabetes_in_pregnancy']) }}
                then events.event_date
        end) as diabetes_days,
        min(case
            when
                events.concept_key in {{ concepts(['diabetes_primary', 'diabetes_in_pregnancy']) }}
                then events.event_date
        end) as first_diabetes_date
    from years
    inner join events
        on
            events.event_date >= make_date(cast(years.measure_year - 1 as int), 1, 1)
            and events.event_date <= years.evaluation_date
    group by years.measure_year, events.person_key

),

described as (

    select
        years.measure_year,
        persons.person_key,
        persons.sex,
        persons.birth_date,
        persons.death_date,
        {{ completed_years('persons.birth_date', 'years.period_start_date') }} as age_at_start,
        {{ completed_years('persons.birth_date', 'years.period_end_date') }} as age_at_end,
        enrolled.is_enrolled_two_years,
        enrolled.is_enrolled_since_october,
        enrolled.is_enrolled_rx,
        enrolled.is_enrolled_rx_two_years,
        first_covers.first_covered_date,
        findings.has_hospice,
        findings.has_palliative_care,
        findings.has_frailty and findings.has_advanced_illness as is_frail_and_ill,
        coalesce(findings.has_diabetes_stay or findings.diabetes_days >= 2, false) as is_diabetic,
        findings.first_diabetes_date,
        panels.program_id,
        panels.partner_id,
        panels.practice_id,
        panels.npi,
        coalesce(panels.is_attributed_elsewhere, false) as is_attributed_elsewhere,
        versions.market_area_id,
        years.period_start_date,
        years.period_end_date,
        years.evaluation_date
    from enrolled
    inner join years on enrolled.measure_year = years.measure_year
    inner join persons on enrolled.person_key = persons.person_key
    inner join first_covers on enrolled.person_key = first_covers.person_key
    left join findings
        on
            enrolled.measure_year = findings.measure_year
            and enrolled.person_key = findings.person_key
    left join panels
        on
            enrolled.measure_year = panels.measure_year
            and enrolled.person_key = panels.person_key
    left join member_months
        on
            enrolled.person_key = member_months.person_key
            and years.snapshot_number = member_months.month_number
    left join versions on member_months.version_number = versions.version_number
    where
        enrolled.is_enrolled
        and persons.birth_date is not null
        and (not years.is_worklist_year or panels.program_id is not null)

),

final as (

    select
        cast(measure_year as int) as measure_year,
        person_key,
        cast(sex as string) as sex,
        cast(program_id as string) as program_id,
        cast(partner_id as string) as partner_id,
        cast(practice_id as string) as practice_id,
        cast(market_area_id as string) as market_area_id,
        cast(
            case
                when death_date between period_start_date and evaluation_date then 'DIED'
                when has_hospice then 'HOSPICE'
                when has_palliative_care then 'PALLIATIVE_CARE'
                when is_frail_and_ill and age_at_end >= 66 then 'FRAILTY_AND_ADVANCED_ILLNESS'
            end as string
        ) as common_exclusion,
        cast(npi as bigint) as npi,
        cast(age_at_start as int) as age_at_start,
        cast(age_at_end as int) as age_at_end,
        cast(is_enrolled_two_years as boolean) as is_enrolled_two_years,
        cast(is_enrolled_since_october as boolean) as is_enrolled_since_october,
        cast(is_enrolled_rx as boolean) as is_enrolled_rx,
        cast(is_enrolled_rx_two_years as boolean) as is_enrolled_rx_two_years,
        cast(is_diabetic as boolean) as is_diabetic,
        cast(is_attributed_elsewhere as boolean) as is_attributed_elsewhere,
        cast(birth_date as date) as birth_date,
        cast(first_covered_date as date) as first_covered_date,
        cast(first_diabetes_date as date) as first_diabetes_date,
        cast(period_start_date as date) as period_start_date,
        cast(period_end_date as date) as period_end_date,
        cast(evaluation_date as date) as evaluation_date
    from described

)

select * from final
