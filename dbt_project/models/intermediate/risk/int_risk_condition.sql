{%- set conditions = [
    'diabetes', 'ischemic_heart_disease', 'congestive_heart_failure', 'asthma', 'obesity',
    'hypertension', 'copd', 'depression', 'ckd', 'cancer', 'pregnancy',
] -%}
-- METHODS G.3 steps 3 and 5: the flags that risk is fitted on, as known on the day before a measured
-- period: the conditions of the registry, and by the same rule (a stay, or two days) cancer and
-- pregnancy, all from the 12 months that end that day. Tumours of the skin other than melanoma are none.

with

registry as (

    select
        person_key,
        as_of_date,
        condition
    from {{ ref('int_member_condition') }}

),

events as (

    select
        person_key,
        source_kind,
        event_date,
        case
            when concept_key = {{ concept('pregnancy') }} then 'pregnancy'
            else 'cancer'
        end as condition
    from {{ ref('int_clinical_event') }}
    where
        concept_key in {{ concepts(['tumour', 'metastatic_tumour', 'pregnancy']) }}
        and source_kind in ({{ source_kind('stay') }}, {{ source_kind('visit') }})

),

days_asked as (

    select distinct
        {{ date_plus_days('period_start_date', -1) }} as as_of_date,
        {{ date_plus_months('period_start_date', -12) }} as window_start_date
    from {{ ref('int_measurement_period') }}

),

proven as (

    select
        events.person_key,
        days_asked.as_of_date,
        events.condition
    from events
    inner join days_asked
        on
            events.event_date >= days_asked.window_start_date
            and events.event_date <= days_asked.as_of_date
    group by events.person_key, days_asked.as_of_date, events.condition
    having
        bool_or(events.source_kind = {{ source_kind('stay') }})
        or count(distinct events.event_date) >= 2

),

known as (

    select
        person_key,
        as_of_date,
        condition
    from registry
    union all
    select
        person_key,
        as_of_date,
        condition
    from proven

),

final as (

    select
        cast(person_key as int) as person_key,
        {%- for condition in conditions %}
        cast(bool_or(condition = '{{ condition }}') as boolean) as has_{{ condition }},
        {%- endfor %}
        cast(as_of_date as date) as as_of_date
    from known
    group by person_key, as_of_date

)

select * from final
