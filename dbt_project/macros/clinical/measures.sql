{#- What all measures of METHODS D.1 share. A measure is one file: its members, the services that
    count for it, what excludes from it, and `measure_rows`, which puts the three together in the
    columns of every measure. -#}

{#- The measures of one family in one table. -#}
{% macro united_measures(names) -%}
    {%- for name in names %}
    select * from {{ ref('measure_' ~ name) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}
{%- endmacro %}

{#- Members of the measure's age, sex and enrolment, by the version in force in each year. A measure of
    several rates names them all and has a row for each. -#}
{% macro measure_members(rates) -%}
    {%- set rates = [rates] if rates is string else rates -%}
    select
        members.measure_year,
        members.person_key,
        members.common_exclusion,
        members.age_at_start,
        members.age_at_end,
        members.is_diabetic,
        members.birth_date,
        members.first_covered_date,
        members.first_diabetes_date,
        members.period_start_date,
        members.period_end_date,
        members.evaluation_date,
        versions.measure_id,
        versions.measure_version,
        versions.interval_months,
        {{ date_plus_months('members.birth_date', 'versions.age_low * 12') }} as eligible_date
    from {{ ref('int_quality_member') }} as members
    inner join {{ ref('quality_measure') }} as versions
        on
            versions.measure_id in ('{{ rates | join("', '") }}')
            and members.measure_year between versions.first_year and versions.last_year
            and case versions.age_basis
                when 'start' then members.age_at_start
                else members.age_at_end
            end between versions.age_low and versions.age_high
            and (versions.sex is null or members.sex = versions.sex)
    where
        case versions.enrolment
            when 'year' then true
            when 'since_october' then members.is_enrolled_since_october
            when 'two_years' then members.is_enrolled_two_years
            when 'rx' then members.is_enrolled_rx
            when 'two_years_rx'
                then members.is_enrolled_two_years and members.is_enrolled_rx_two_years
        end
{%- endmacro %}

{#- Of them, those with diabetes (C.1 over the year and the one before), eligible by it. -#}
{% macro diabetic_members(rates) -%}
    select
        aged.*,
        greatest(aged.eligible_date, aged.first_diabetes_date) as condition_date
    from ({{ measure_members(rates) }}) as aged
    where aged.is_diabetic
{%- endmacro %}

{#- Members with events of the named concepts until the day of evaluation; unaudited supplemental
    data never count for a rate (D.0.4). Asks for a CTE of the population's name. -#}
{% macro member_events(names, population='members') -%}
    select
        members.*,
        events.concept_key,
        events.source_kind,
        events.evidence_claim_key as claim_key,
        events.value,
        events.event_date,
        events.delivered_on
    from {{ population }} as members
    inner join {{ ref('int_clinical_event') }} as events
        on members.person_key = events.person_key and events.event_date <= members.evaluation_date
    where
        events.concept_key in {{ concepts(names) }}
        and events.source_kind <> {{ source_kind('supplemental') }}
{%- endmacro %}

{#- Members who have a condition by C.1 over the year and the one before: a stay with it, or visits on
    two days. -#}
{% macro members_with_condition(names, population='members') -%}
    select
        measure_year,
        person_key,
        min(event_date) as first_date
    from ({{ member_events(names, population) }}) as diagnoses
    where event_date >= make_date(measure_year - 1, 1, 1)
    group by measure_year, person_key
    having
        bool_or(source_kind = {{ source_kind('stay') }})
        or count(distinct case
            when source_kind = {{ source_kind('visit') }} then event_date
        end) >= 2
{%- endmacro %}

{#- Services of the named concepts: met from `first_date` on, next due `interval` months later. -#}
{% macro services_since(names, first_date, interval='members.interval_months') -%}
    select
        members.measure_year,
        members.person_key,
        members.claim_key,
        members.value,
        members.event_date >= {{ first_date }} as is_met,
        members.event_date,
        members.delivered_on,
        {{ date_plus_months('members.event_date', interval) }} as next_due_date
    from ({{ member_events(names) }}) as members
{%- endmacro %}

{#- Members with an event of the named concepts on `first_date` or later (ever, without one). -#}
{% macro excluded_by(reason, names, first_date=none, population='members') -%}
    select
        measure_year,
        person_key,
        '{{ reason }}' as reason
    from ({{ member_events(names, population) }}) as members
    {%- if first_date is not none %}
    where event_date >= {{ first_date }}
    {%- endif %}
{%- endmacro %}

{#- The columns of every measure. Asks for the CTEs `members` and `services`, and for `exclusions`
    unless there are none; rows of `exceptions` exclude only those who did not meet the measure.
    `unmet_is_numerator` for measures where lower is better and no evidence is the bad event. Measures
    of events join on `measured_date` too, measures of several rates on `measure_id`, by which their
    `exclusions` differ only with `has_rated_exclusions`. Where `services`
    has one row a member at most (`one_service`) the best one need not be looked for; where the members
    bring theirs with them (`has_service`) there is nothing to join. `due_date` overrides the rule that the latest next date of a service holds, else the day the member became
    eligible and covered plus 90 days, the end of the year at the latest (D.0). `is_measurable` says
    whether the evidence a measure cannot do without was delivered at all. -#}
{% macro measure_rows(
    has_exclusions=true, has_exceptions=false, is_event_based=false, has_rates=false,
    has_rated_exclusions=false, one_service=false, has_service=false, unmet_is_numerator=false, due_date=none, is_measurable='true',
    eligible_date='eligible_date', population='members'
) -%}
{%- set person_keys = ['measure_year', 'person_key'] + (['measured_date'] if is_event_based else []) -%}
{%- set keys = (['measure_id'] if has_rates else []) + person_keys -%}
{%- set exclusion_keys = keys if has_rated_exclusions else person_keys -%}
{%- if not (one_service or has_service) %}
ranked_services as (

    select
        *,
        row_number() over (
            partition by {{ keys | join(', ') }}
            order by
                case when is_met then 0 else 1 end,
                event_date desc,
                coalesce(claim_key, -1) desc,
                coalesce(value, -1) desc,
                coalesce(delivered_on, date '9999-12-31')
        ) as place,
        max(next_due_date) over (partition by {{ keys | join(', ') }}) as latest_due_date
    from services

),
{%- endif %}
{% if has_exclusions %}
excluded as (

    {{ first_reason('exclusions', exclusion_keys) }}

),
{% endif %}
{%- if has_exceptions %}
excepted as (

    {{ first_reason('exceptions', exclusion_keys) }}

),
{% endif %}
joined as (

    select
        members.*,
        {%- if not is_event_based %}
        members.period_end_date as measured_date,
        {%- endif %}
        coalesce(
            members.common_exclusion{{ ',\n            excluded.reason' if has_exclusions else ', null' }}
            {%- if has_exceptions %},
            case when not coalesce(best.is_met, {{ unmet_is_numerator }}) then excepted.reason end
            {%- endif %}
        ) as exclusion_reason,
        {%- if not has_service %}
        best.claim_key,
        best.value,
        coalesce(best.is_met, {{ unmet_is_numerator }}) as is_met,
        best.event_date,
        best.delivered_on,
        best.{{ 'next_due_date' if one_service else 'latest_due_date' }} as latest_due_date,
        {%- endif %}
        {{ is_measurable }} as is_measurable
    from {{ population }} as members
    {%- if not has_service %}
    left join {{ 'services' if one_service else 'ranked_services' }} as best
        on
            {{ equal_keys('best', keys) }}
            {%- if not one_service %}
            and best.place = 1
            {%- endif %}
    {%- endif %}
    {%- if has_exclusions %}
    left join excluded
        on
            {{ equal_keys('excluded', exclusion_keys) }}
    {%- endif %}
    {%- if has_exceptions %}
    left join excepted
        on
            {{ equal_keys('excepted', exclusion_keys) }}
    {%- endif %}

),

final as (

    select
        cast(measure_id as string) as measure_id,
        cast(measure_version as string) as measure_version,
        cast(measure_year as int) as measure_year,
        person_key,
        cast(exclusion_reason as string) as exclusion_reason,
        cast(claim_key as bigint) as evidence_claim_key,
        cast(value as decimal(12, 3)) as evidence_value,
        cast(is_measurable as boolean) as is_measurable,
        cast(exclusion_reason is null as boolean) as is_denominator,
        cast(exclusion_reason is null and is_measurable and is_met as boolean) as is_numerator,
        cast(measured_date as date) as measured_date,
        cast(event_date as date) as evidence_date,
        cast(delivered_on as date) as evidence_known_on,
        cast(
            {%- if due_date is not none %}
            {{ due_date }}
            {%- else %}
            coalesce(
                latest_due_date,
                least(
                    {{ date_plus_days('greatest(' ~ eligible_date ~ ', first_covered_date)', 90) }},
                    period_end_date
                )
            )
            {%- endif %} as date
        ) as due_date
    from joined

)
{%- endmacro %}

{#- One reason a key, of those that a CTE gives. -#}
{% macro first_reason(reasons, keys) -%}
    select
        {{ keys | join(',\n        ') }},
        min(reason) as reason
    from {{ reasons }}
    group by {{ keys | join(', ') }}
{%- endmacro %}

{#- Keys of CTE `members` equal to those of another, for `on`. -#}
{% macro equal_keys(other, keys) -%}
    {%- set equals = [] -%}
    {%- for key in keys -%}
        {%- do equals.append('members.' ~ key ~ ' = ' ~ other ~ '.' ~ key) -%}
    {%- endfor -%}
    {{ return(equals | join('\n            and ')) }}
{%- endmacro %}

{#- Members with a treatment period that adherence can be told of (E.1), and whether it was kept. -#}
{% macro adherent_members(measure_id, drug_class) -%}
    select
        aged.*,
        adherence.treatment_days,
        adherence.covered_days,
        adherence.first_fill_date,
        adherence.last_fill_date,
        adherence.runout_date
    from ({{ measure_members(measure_id) }}) as aged
    inner join {{ ref('int_medication_adherence') }} as adherence
        on
            aged.measure_year = adherence.measure_year
            and aged.person_key = adherence.person_key
            and adherence.drug_class = '{{ drug_class }}'
    where adherence.treatment_days >= 91
{%- endmacro %}

{#- The proportion of days covered in percent is the value; due is the day the supply runs out. -#}
{% macro adherence_services() -%}
    select
        measure_year,
        person_key,
        cast(null as bigint) as claim_key,
        {{ rounded_quotient('covered_days * 10000', 'treatment_days') }} * 0.01 as value,
        covered_days * 100 >= treatment_days * 80 as is_met,
        last_fill_date as event_date,
        cast(null as date) as delivered_on,
        runout_date as next_due_date
    from members
{%- endmacro %}

{#- Visits so many days apart, up to `most`: the first one, then again and again the first one that many
    days later, which is the most that can be had. Asks for a CTE `visits`. -#}
{% macro visits_apart(most, days=14, keys=['measure_year', 'person_key']) -%}
{%- set visit_keys = 'visits.' ~ keys | join(', visits.') -%}
{%- for number in range(1, most + 1) -%}
visits_{{ number }} as (

    select
        {{ visit_keys }},
        {{ number }} as visit_number,
        min(visits.visit_date) as visit_date
    from visits
    {%- if number > 1 %}
    inner join visits_{{ number - 1 }} as earlier
        on
            {%- for key in keys %}
            visits.{{ key }} = earlier.{{ key }} and
            {%- endfor %}
            visits.visit_date >= {{ date_plus_days('earlier.visit_date', days) }}
    {%- endif %}
    group by {{ visit_keys }}

),

{% endfor -%}
apart as (
    {% for number in range(1, most + 1) %}
    select * from visits_{{ number }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)
{%- endmacro %}

{#- Month of life of the visit after so many. -#}
{% macro well_visit_month(visit_count, months) -%}
    {%- set whens = [] -%}
    {%- for month in months -%}
        {%- do whens.append('when ' ~ visit_count ~ ' = ' ~ loop.index0 ~ ' then ' ~ month) -%}
    {%- endfor -%}
    {{ return('case ' ~ whens | join(' ') ~ ' else ' ~ months[-1] ~ ' end') }}
{%- endmacro %}

{#- Days with a dose of the named concepts, where the condition holds. -#}
{% macro dose_days(names, condition='true') -%}
    count(distinct case
            when concept_key in {{ concepts(names) }} and {{ condition }} then event_date
        end)
{%- endmacro %}

{#- Visits of the named concepts after each measured event, the day of it not counted, within the
    member's `follow_up_days`. -#}
{% macro follow_up_visits(names) -%}
    select
        members.measure_id,
        members.measure_year,
        members.person_key,
        members.measured_date,
        events.evidence_claim_key as claim_key,
        events.value,
        true as is_met,
        events.event_date,
        events.delivered_on,
        cast(null as date) as next_due_date
    from members
    inner join {{ ref('int_clinical_event') }} as events
        on
            members.person_key = events.person_key
            and events.event_date > members.measured_date
            and events.event_date
            <= {{ date_plus_days('members.measured_date', 'members.follow_up_days') }}
    where
        events.concept_key in {{ concepts(names) }}
        and events.source_kind <> {{ source_kind('supplemental') }}
{%- endmacro %}

{#- Rows of int_quality_member for unit tests (format: sql), a line each: person, date of birth, then
    `column=sql` for what is not usual: enrolled throughout, nothing known but diabetes. -#}
{% macro given_members(lines, measure_year=2024, evaluation_date='2024-12-31') -%}
    {%- for line in lines.strip().splitlines() %}
    {%- set told = line.split(';') | map('trim') | list %}
    {%- set birth_date = "date '" ~ told[1] ~ "'" %}
    {%- set start = "date '" ~ measure_year ~ "-01-01'" %}
    {%- set end = "date '" ~ measure_year ~ "-12-31'" %}
    {%- set columns = {
        'measure_year': 'cast(' ~ measure_year ~ ' as int)',
        'person_key': 'cast(' ~ told[0] ~ ' as int)',
        'sex': "'F'",
        'program_id': "'p'",
        'partner_id': 'cast(null as string)',
        'practice_id': 'cast(null as string)',
        'market_area_id': "'m'",
        'common_exclusion': 'cast(null as string)',
        'npi': 'cast(null as bigint)',
        'age_at_start': completed_years(birth_date, start),
        'age_at_end': completed_years(birth_date, end),
        'is_enrolled_two_years': 'true',
        'is_enrolled_since_october': 'true',
        'is_enrolled_rx': 'true',
        'is_enrolled_rx_two_years': 'true',
        'is_diabetic': 'true',
        'is_attributed_elsewhere': 'false',
        'birth_date': birth_date,
        'first_covered_date': "date '2020-01-01'",
        'first_diabetes_date': "date '2020-01-01'",
        'period_start_date': start,
        'period_end_date': end,
        'evaluation_date': "date '" ~ evaluation_date ~ "'",
    } %}
    {%- for pair in told[2:] %}
    {%- do columns.update({pair.split('=')[0]: pair.split('=')[1]}) %}
    {%- endfor %}
    select
        {%- for name, value in columns.items() %}
        {{ value }} as {{ name }}
        {%- if not loop.last %},{% endif %}
        {%- endfor %}
    {%- if not loop.last %} union all{% endif %}
    {%- endfor %}
{%- endmacro %}
