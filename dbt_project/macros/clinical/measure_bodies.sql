{#- Bodies of measures that come in pairs: the same members and services, another limit. Each macro
    gives the CTEs of a measure up to `final`; what all measures share is in measures.sql. -#}

{#- METHODS D.1 M06: the lowest HbA1c of the most recent day of the year with a result. `limit` says
    when that value meets the measure, `in_control` when the next test is due after the measure's
    interval and not in 90 days (retest_days). A test that was only billed is no result. -#}
{% macro glycemic_status(measure_id, limit, in_control, untested_is_numerator) -%}
members as (

    {{ diabetic_members(measure_id) }}

),

results as (

    {{ member_events(['hba1c']) }}
    and (events.source_kind = {{ source_kind('result') }} or events.value is not null)

),

result_days as (

    select
        measure_year,
        person_key,
        interval_months,
        event_date,
        min(value) as lowest_value,
        max(claim_key) as claim_key,
        min(delivered_on) as delivered_on
    from results
    where event_date >= period_start_date
    group by measure_year, person_key, interval_months, event_date

),

services as (

    select
        measure_year,
        person_key,
        claim_key,
        lowest_value as value,
        coalesce(lowest_value {{ limit }}, {{ untested_is_numerator }}) as is_met,
        event_date,
        delivered_on,
        case
            when lowest_value {{ in_control }}
                then {{ date_plus_months('event_date', 'interval_months') }}
            else {{ date_plus_days('event_date', 90) }}
        end as next_due_date
    from result_days
    qualify row_number() over (partition by measure_year, person_key order by event_date desc) = 1

),

valued_years as (

    select distinct measure_year from services where value is not null

),

{{ measure_rows(
    has_exclusions=false,
    unmet_is_numerator=untested_is_numerator,
    eligible_date='condition_date',
    is_measurable='members.measure_year in (select measure_year from valued_years)'
) }}
{%- endmacro %}

{#- METHODS D.1 M18: well-child visits from `first_date` to `deadline`, at least 14 days apart, `most` of
    them asked for; the next one is due by `months`, the months of life of the schedule. -#}
{% macro well_child_visits(measure_id, first_date, deadline, most, months) -%}
aged as (

    {{ measure_members(measure_id) }}

),

members as (

    select
        *,
        {{ first_date }} as first_date,
        {{ deadline }} as deadline
    from aged
    where {{ deadline }} >= period_start_date and {{ deadline }} <= period_end_date

),

visits as (

    select
        *,
        event_date as visit_date
    from ({{ member_events(['well_visit_newborn', 'well_visit_child']) }}) as visits
    where event_date >= first_date and event_date <= deadline

),

{{ visits_apart(most) }},

counted_visits as (

    select
        measure_year,
        person_key,
        count(*) as visit_count,
        max(visit_date) as event_date
    from apart
    group by measure_year, person_key

),

services as (

    select
        measure_year,
        person_key,
        cast(null as bigint) as claim_key,
        cast(visit_count as decimal(12, 3)) as value,
        visit_count >= {{ most }} as is_met,
        event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as next_due_date
    from counted_visits

),

{{ measure_rows(
    has_exclusions=false,
    due_date='least(' ~ date_plus_months(
        'birth_date', well_visit_month('coalesce(value, 0)', months)
    ) ~ ', deadline)'
) }}
{%- endmacro %}

{#- METHODS D.1 M29: a behavioral visit within so many days of the last discharge. -#}
{% macro mental_health_follow_up(measure_id, days) -%}
aged as (

    {{ measure_members(measure_id) }}

),

stays as (

    {{ mental_health_stays() }}

),

members as (

    {{ last_mental_health_discharges() }}

),

services as (

    {{ follow_up_visits(['behavioral_visit'], days) }}

),

{{ measure_rows(
    has_exclusions=false,
    is_event_based=true,
    due_date=date_plus_days('measured_date', days)
) }}
{%- endmacro %}

{#- METHODS D.1 M15 and M16: visits for one of `reasons`, from 1 January to three days before the end of
    the year, at age three months or more, the first one in each 31 days. Another lung or immune
    disease in the 12 months before, another reason for an antibiotic until the third day after, an
    antibiotic active in the 30 days before, and an admission on the day or the next exclude. Met is
    no antibiotic until the third day. -#}
{% macro visits_without_antibiotic(measure_id, reasons, competing) -%}
aged as (

    {{ measure_members(measure_id) }}

),

days_of_visits as (

    select distinct
        measure_year,
        person_key,
        event_date as visit_date
    from ({{ member_events(reasons, 'aged') }}) as diagnoses
    where
        source_kind = {{ source_kind('visit') }}
        and event_date >= period_start_date
        and event_date <= {{ date_plus_days('period_end_date', -3) }}
        and event_date >= {{ date_plus_months('birth_date', 3) }}

),

all_visits as (

    select
        aged.*,
        days_of_visits.visit_date as measured_date
    from aged
    inner join days_of_visits
        on
            aged.measure_year = days_of_visits.measure_year
            and aged.person_key = days_of_visits.person_key

),

events as (

    {{ member_events(['respiratory_comorbidity', 'antibiotic'] + competing, 'all_visits') }}

),

admissions as (

    select
        all_visits.measure_year,
        all_visits.person_key,
        all_visits.measured_date
    from all_visits
    inner join {{ ref('int_inpatient_stay') }} as stays
        on
            all_visits.person_key = stays.person_key
            and stays.admission_date >= all_visits.measured_date
            and stays.admission_date <= {{ date_plus_days('all_visits.measured_date', 1) }}

),

exclusions as (

    select
        measure_year,
        person_key,
        measured_date,
        case
            when concept_key = {{ concept('antibiotic') }} then 'ANTIBIOTIC_BEFORE'
            when concept_key = {{ concept('respiratory_comorbidity') }} then 'COMORBIDITY'
            else 'OTHER_REASON_FOR_ANTIBIOTIC'
        end as reason
    from events
    where
        case
            when concept_key = {{ concept('antibiotic') }}
                then
                    event_date < measured_date
                    and {{ whole_days_between('event_date', 'measured_date') }} - value < 30
            when concept_key = {{ concept('respiratory_comorbidity') }}
                then
                    event_date >= {{ date_plus_months('measured_date', -12) }}
                    and event_date <= measured_date
            else
                event_date >= measured_date
                and event_date <= {{ date_plus_days('measured_date', 3) }}
        end
    union all
    select
        measure_year,
        person_key,
        measured_date,
        'ADMITTED' as reason
    from admissions

),

visits as (

    select
        days_of_visits.measure_year,
        days_of_visits.person_key,
        days_of_visits.visit_date
    from days_of_visits
    anti join exclusions
        on
            days_of_visits.measure_year = exclusions.measure_year
            and days_of_visits.person_key = exclusions.person_key
            and days_of_visits.visit_date = exclusions.measured_date

),

{{ visits_apart(12, 31) }},

members as (

    select all_visits.*
    from all_visits
    inner join (
        select
            measure_year,
            person_key,
            visit_date
        from apart
        union
        select
            measure_year,
            person_key,
            measured_date as visit_date
        from exclusions
    ) as counted
        on
            all_visits.measure_year = counted.measure_year
            and all_visits.person_key = counted.person_key
            and all_visits.measured_date = counted.visit_date

),

services as (

    select
        measure_year,
        person_key,
        measured_date,
        claim_key,
        value,
        false as is_met,
        event_date,
        delivered_on,
        cast(null as date) as next_due_date
    from events
    where
        concept_key = {{ concept('antibiotic') }}
        and event_date >= measured_date
        and event_date <= {{ date_plus_days('measured_date', 3) }}

),

{{ measure_rows(is_event_based=true, unmet_is_numerator=true, due_date='measured_date') }}
{%- endmacro %}

{#- METHODS D.1 M32: days of supply of antidepressants in the first `days` days of a new treatment, of
    which `least` are asked for. New is a first fill from 1 May of the year before to 30 April with
    none in the 105 days before; a diagnosis of major depression lies at most 60 days away. -#}
{% macro antidepressant_supply(measure_id, days, least) -%}
aged as (

    {{ measure_members(measure_id) }}

),

fills as (

    {{ member_events(['antidepressant'], 'aged') }}
    and events.source_kind = {{ source_kind('fill') }}

),

sequenced as (

    select
        measure_year,
        person_key,
        event_date,
        lag(event_date) over (
            partition by measure_year, person_key order by event_date
        ) as earlier_date
    from fills

),

starts as (

    select
        measure_year,
        person_key,
        min(event_date) as start_date
    from sequenced
    where
        event_date >= make_date(measure_year - 1, 5, 1)
        and event_date <= make_date(measure_year, 4, 30)
        and (earlier_date is null or earlier_date < {{ date_plus_days('event_date', -105) }})
    group by measure_year, person_key

),

started as (

    select
        aged.*,
        starts.start_date
    from aged
    inner join starts
        on aged.measure_year = starts.measure_year and aged.person_key = starts.person_key

),

depressed as (

    select distinct
        measure_year,
        person_key
    from ({{ member_events(['major_depression'], 'started') }}) as diagnoses
    where
        event_date >= {{ date_plus_days('start_date', -60) }}
        and event_date <= {{ date_plus_days('start_date', 60) }}

),

members as (

    select started.*
    from started
    inner join depressed
        on
            started.measure_year = depressed.measure_year
            and started.person_key = depressed.person_key

),

services as (

    select
        members.measure_year,
        members.person_key,
        cast(null as bigint) as claim_key,
        sum(
            least(
                fills.value,
                {{ days }} - {{ whole_days_between('members.start_date', 'fills.event_date') }}
            )
        ) as value,
        sum(
            least(
                fills.value,
                {{ days }} - {{ whole_days_between('members.start_date', 'fills.event_date') }}
            )
        ) >= {{ least }} as is_met,
        max(fills.event_date) as event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as next_due_date
    from members
    inner join fills
        on
            members.measure_year = fills.measure_year
            and members.person_key = fills.person_key
            and fills.event_date >= members.start_date
            and fills.event_date < {{ date_plus_days('members.start_date', days) }}
    group by members.measure_year, members.person_key

),

{{ measure_rows(
    has_exclusions=false,
    due_date=date_plus_days('start_date', days - 1)
) }}
{%- endmacro %}

{#- METHODS D.1 M33 and M34: members with heart failure, a weak left ventricle (an ejection fraction of
    at most 40 percent, or the diagnosis) and two visits in the year. -#}
{% macro systolic_heart_failure_members(measure_id) -%}
aged as (

    {{ measure_members(measure_id) }}

),

failing as (

    {{ members_with_condition(['congestive_heart_failure'], 'aged') }}

),

weak as (

    select
        measure_year,
        person_key,
        min(event_date) as first_date
    from ({{ member_events(['systolic_heart_failure', 'ejection_fraction'], 'aged') }}) as findings
    where concept_key = {{ concept('systolic_heart_failure') }} or value <= 40
    group by measure_year, person_key

),

visit_days as (

    select * from {{ ref('int_visit_year') }}

),

members as (

    select
        aged.*,
        greatest(aged.eligible_date, failing.first_date, weak.first_date) as condition_date
    from aged
    inner join failing
        on aged.measure_year = failing.measure_year and aged.person_key = failing.person_key
    inner join weak on aged.measure_year = weak.measure_year and aged.person_key = weak.person_key
    inner join visit_days
        on aged.measure_year = visit_days.measure_year and aged.person_key = visit_days.person_key
    where visit_days.visit_count >= 2

)
{%- endmacro %}

{#- METHODS D.1 M26: members with two visits or a preventive one in the year, what they said of tobacco
    last, and whether they were helped to stop, from six months before the year on. -#}
{% macro tobacco_answers(measure_id) -%}
aged as (

    {{ measure_members(measure_id) }}

),

visit_days as (

    select * from {{ ref('int_visit_year') }}

),

visitors as (

    select aged.*
    from aged
    inner join visit_days
        on aged.measure_year = visit_days.measure_year and aged.person_key = visit_days.person_key
    where visit_days.visit_count >= 2 or visit_days.has_preventive_visit

),

events as (

    {{ member_events(['tobacco_status', 'tobacco_counselling', 'tobacco_drug'], 'visitors') }}

),

-- Of the answers of one day the one that says more: a user is a user.
answer_days as (

    select
        measure_year,
        person_key,
        event_date,
        max(value) as status,
        max(claim_key) as claim_key,
        min(delivered_on) as delivered_on
    from events
    where
        concept_key = {{ concept('tobacco_status') }}
        and value is not null
        and event_date >= period_start_date
    group by measure_year, person_key, event_date

),

answers as (

    select *
    from answer_days
    qualify row_number() over (partition by measure_year, person_key order by event_date desc) = 1

),

helped as (

    select
        measure_year,
        person_key,
        max(event_date) as event_date,
        max(claim_key) as claim_key
    from events
    where
        concept_key <> {{ concept('tobacco_status') }}
        and event_date >= {{ date_plus_months('period_start_date', -6) }}
    group by measure_year, person_key

),

-- Nobody's answer was ever delivered where no sender keeps records.
valued_years as (

    select distinct measure_year from answers

)
{%- endmacro %}

{#- METHODS D.1 M30: discharges home from an acute stay (the last one of a chain of transfers), and an
    event of the named concepts, or with `with_primary_care` a visit to primary care, within so many
    days, the day of discharge not counted. A readmission before any such event excludes. -#}
{% macro discharge_follow_up(measure_id, days, names, with_primary_care=true) -%}
aged as (

    {{ measure_members(measure_id) }}

),

stays as (

    select * from {{ ref('int_inpatient_stay') }}

),

primary_care_visits as (

    select * from {{ ref('int_primary_care_visit') }} where tier = 1

),

discharges as (

    select
        person_key,
        discharge_date
    from stays
    where stay_type = 'acute' and discharge_status_code in ('01', '06')
    group by person_key, discharge_date

),

members as (

    select
        aged.*,
        discharges.discharge_date as measured_date
    from aged
    inner join discharges
        on
            aged.person_key = discharges.person_key
            and discharges.discharge_date >= aged.period_start_date
            and discharges.discharge_date <= aged.evaluation_date
    where
        not exists (
            select 1
            from stays as transfers
            where
                transfers.person_key = discharges.person_key
                and transfers.stay_type = 'acute'
                and transfers.admission_date <= {{ date_plus_days('discharges.discharge_date', 1) }}
                and coalesce(transfers.discharge_date, date '9999-12-31')
                > discharges.discharge_date
        )

),

services as (

    {{ follow_up_visits(names, days) }}
    {%- if with_primary_care %}
    union all
    select
        members.measure_year,
        members.person_key,
        members.measured_date,
        cast(null as bigint) as claim_key,
        cast(null as decimal(12, 3)) as value,
        true as is_met,
        primary_care_visits.visit_date as event_date,
        cast(null as date) as delivered_on,
        cast(null as date) as next_due_date
    from members
    inner join primary_care_visits
        on
            members.person_key = primary_care_visits.person_key
            and primary_care_visits.visit_date > members.measured_date
            and primary_care_visits.visit_date <= {{ date_plus_days('members.measured_date', days) }}
    {%- endif %}

),

first_visits as (

    select
        measure_year,
        person_key,
        measured_date,
        min(event_date) as visit_date
    from services
    group by measure_year, person_key, measured_date

),

exclusions as (

    select
        members.measure_year,
        members.person_key,
        members.measured_date,
        'READMITTED' as reason
    from members
    inner join stays
        on
            members.person_key = stays.person_key
            and stays.admission_date > members.measured_date
            and stays.admission_date <= {{ date_plus_days('members.measured_date', days) }}
    left join first_visits
        on
            members.measure_year = first_visits.measure_year
            and members.person_key = first_visits.person_key
            and members.measured_date = first_visits.measured_date
    where first_visits.visit_date is null or stays.admission_date < first_visits.visit_date

),

{{ measure_rows(is_event_based=true, due_date=date_plus_days('measured_date', days)) }}
{%- endmacro %}
