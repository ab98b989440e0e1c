{#- Drug classes of adherence and the conditions of the registry they are for. -#}
{%- set class_conditions = {
    'diabetes_drug': ['diabetes'],
    'ras_antagonist': ['hypertension', 'congestive_heart_failure', 'ckd'],
    'statin': ['ischemic_heart_disease'],
} -%}
-- METHODS C.3, HR2: the signals that the health of a program's member with a registry condition
-- gets worse, with their points, as of the run's day. Looked back 12 months unless another time is
-- named.
--   condition_event  2 each, at most 4: a treat-and-release emergency visit or an admission for one of
--                    her conditions
--   value            2: last HbA1c above 9, last pressure 160 or 100 and more, last eGFR below 30, or
--                    fallen by 5 a year over 180 days or more
--   depression       2: last PHQ-9 of 15 or more
--   adherence        1 each, at most 2: a drug class of the condition covered on less than 60 percent
--                    of days, an asthma medication ratio below 0.50, in the newest year it can be told
--   polypharmacy     1: ten ingredients in supply; a product nobody knows counts as its own
--   no_primary_care  1: no visit to primary care in 6 months
--   rising_cost      1: allowed cost of 6 months twice that of the 6 before and at least $5,000
--   many_conditions  1: three conditions of the registry

with

run as (

    select as_of from {{ ref('stg_ledger__run') }}

),

panel as (

    {{ newest_panel() }}

),

terms as (

    select
        program_id,
        cast(truncation_amount * 100 as bigint) as truncation_cents
    from {{ ref('stg_ledger__program_terms') }}

),

conditions as (

    select
        registry.person_key,
        registry.condition,
        terms.truncation_cents
    from {{ ref('int_condition_registry') }} as registry
    inner join panel on registry.person_key = panel.person_key
    inner join terms on panel.program_id = terms.program_id
    where registry.basis = 'run' and registry.is_active

),

members as (

    select
        conditions.person_key,
        conditions.truncation_cents,
        count(*) as condition_count,
        run.as_of,
        {{ lookback_start('run.as_of', 12) }} as year_start_date,
        {{ lookback_start('run.as_of', 6) }} as half_year_start_date,
        {{ month_number('run.as_of') }} as month_number
    from conditions
    cross join run
    group by conditions.person_key, conditions.truncation_cents, run.as_of

),

contacts as (

    select
        members.person_key,
        'visit' as contact_kind,
        visits.visit_start_date as contact_date,
        visits.principal_diagnosis_code
    from members
    inner join {{ ref('int_ed_visit') }} as visits
        on
            members.person_key = visits.person_key
            and visits.visit_start_date >= members.year_start_date
            and visits.visit_start_date <= members.as_of
    where visits.is_treat_and_release
    union all
    select
        members.person_key,
        'stay' as contact_kind,
        stays.admission_date as contact_date,
        stays.principal_diagnosis_code
    from members
    inner join {{ ref('int_inpatient_stay') }} as stays
        on
            members.person_key = stays.person_key
            and stays.admission_date >= members.year_start_date
            and stays.admission_date <= members.as_of

),

condition_events as (

    select
        contacts.person_key,
        contacts.contact_kind,
        contacts.contact_date
    from contacts
    inner join {{ ref('int_code_concept') }} as code_concepts
        on
            contacts.principal_diagnosis_code = code_concepts.code
            and code_concepts.code_system = 'icd10cm'
    inner join ({{ condition_rows() }}) as named
        on code_concepts.concept_key = named.concept_key
    inner join conditions
        on contacts.person_key = conditions.person_key and named.condition = conditions.condition
    group by contacts.person_key, contacts.contact_kind, contacts.contact_date

),

-- Of several values of a day the lowest counts, as in the measures.
values_by_day as (

    select
        members.person_key,
        members.as_of,
        members.year_start_date,
        events.concept_key,
        events.event_date,
        min(events.value) as value
    from members
    inner join {{ ref('int_clinical_event') }} as events
        on members.person_key = events.person_key and events.event_date <= members.as_of
    where
        events.concept_key in {{ concepts(['hba1c', 'systolic', 'diastolic', 'egfr', 'phq_9']) }}
        and events.value is not null
        and events.source_kind in ({{ source_kind('result') }}, {{ source_kind('service') }})
    group by
        members.person_key,
        members.as_of,
        members.year_start_date,
        events.concept_key,
        events.event_date

),

last_values as (

    select *
    from values_by_day
    where event_date >= year_start_date
    qualify row_number() over (partition by person_key, concept_key order by event_date desc) = 1

),

-- The newest filtration at least 180 days before the last one.
earlier_filtrations as (

    select
        last_values.person_key,
        last_values.value as last_value,
        last_values.event_date as last_date,
        earlier.value as earlier_value,
        earlier.event_date as earlier_date
    from last_values
    inner join values_by_day as earlier
        on
            last_values.person_key = earlier.person_key
            and last_values.concept_key = earlier.concept_key
            and earlier.event_date <= {{ date_plus_days('last_values.event_date', -180) }}
    where last_values.concept_key = {{ concept('egfr') }}
    qualify row_number() over (
        partition by last_values.person_key order by earlier.event_date desc
    ) = 1

),

bad_values as (

    select person_key
    from last_values
    where
        (concept_key = {{ concept('hba1c') }} and value > 9)
        or (concept_key = {{ concept('systolic') }} and value >= 160)
        or (concept_key = {{ concept('diastolic') }} and value >= 100)
        or (concept_key = {{ concept('egfr') }} and value < 30)
    union
    select person_key
    from earlier_filtrations
    where
        (earlier_value - last_value) * 365
        >= 5 * {{ whole_days_between('earlier_date', 'last_date') }}

),

adherence as (

    select *
    from {{ ref('int_medication_adherence') }}
    where treatment_days >= 91
    qualify row_number() over (
        partition by person_key, drug_class order by measure_year desc
    ) = 1

),

asthma_ratios as (

    select *
    from {{ ref('int_measure_result') }}
    where measure_id = 'M14' and is_denominator and evidence_value is not null
    qualify row_number() over (partition by person_key order by measure_year desc) = 1

),

missed_drugs as (

    select distinct
        adherence.person_key,
        adherence.drug_class
    from adherence
    inner join (
        {%- for drug_class, names in class_conditions.items() %}
        {%- set is_last_class = loop.last %}
        {%- for name in names %}
        select '{{ drug_class }}' as drug_class, '{{ name }}' as condition
        {%- if not (loop.last and is_last_class) %} union all{% endif %}
        {%- endfor %}
        {%- endfor %}
    ) as named
        on adherence.drug_class = named.drug_class
    inner join conditions
        on adherence.person_key = conditions.person_key and named.condition = conditions.condition
    where adherence.covered_days * 100 < adherence.treatment_days * 60
    union all
    select
        asthma_ratios.person_key,
        'asthma' as drug_class
    from asthma_ratios
    inner join conditions
        on asthma_ratios.person_key = conditions.person_key and conditions.condition = 'asthma'
    where asthma_ratios.evidence_value < 0.5

),

drugs_in_supply as (

    select
        members.person_key,
        count(distinct coalesce(products.ingredient, substr(fills.ndc_code, 1, 9))) as ingredients
    from members
    inner join {{ ref('int_pharmacy_fill') }} as fills
        on
            members.person_key = fills.person_key
            and fills.fill_date <= members.as_of
            and fills.fill_date >= members.year_start_date
    left join {{ ref('drug_product') }} as products
        on substr(fills.ndc_code, 1, 9) = products.product_code
    where {{ date_plus_days('fills.fill_date', 'fills.days_supply') }} > members.as_of
    group by members.person_key

),

recent_visits as (

    select distinct members.person_key
    from members
    inner join {{ ref('int_primary_care_visit') }} as visits
        on
            members.person_key = visits.person_key
            and visits.visit_date >= members.half_year_start_date
            and visits.visit_date <= members.as_of
    where visits.tier = 1

),

costs as (

    select
        members.person_key,
        least(
            sum(
                case
                    when used.month_number > members.month_number - 6
                        then used.medical_allowed_cents + used.rx_allowed_cents
                    else 0
                end
            ),
            max(members.truncation_cents)
        ) as recent_cents,
        least(
            sum(
                case
                    when used.month_number <= members.month_number - 6
                        then used.medical_allowed_cents + used.rx_allowed_cents
                    else 0
                end
            ),
            max(members.truncation_cents)
        ) as earlier_cents
    from members
    inner join {{ ref('int_member_utilization') }} as used
        on
            members.person_key = used.person_key
            and used.month_number > members.month_number - 12
            and used.month_number <= members.month_number
    group by members.person_key

),

signals as (

    select
        person_key,
        'condition_event' as signal,
        least(2 * count(*), 4) as points
    from condition_events
    group by person_key
    union all
    select
        person_key,
        'value' as signal,
        2 as points
    from bad_values
    union all
    select
        person_key,
        'depression' as signal,
        2 as points
    from last_values
    where concept_key = {{ concept('phq_9') }} and value >= 15
    union all
    select
        person_key,
        'adherence' as signal,
        least(count(*), 2) as points
    from missed_drugs
    group by person_key
    union all
    select
        person_key,
        'polypharmacy' as signal,
        1 as points
    from drugs_in_supply
    where ingredients >= 10
    union all
    select
        members.person_key,
        'no_primary_care' as signal,
        1 as points
    from members
    anti join recent_visits on members.person_key = recent_visits.person_key
    union all
    select
        person_key,
        'rising_cost' as signal,
        1 as points
    from costs
    where recent_cents >= 2 * earlier_cents and recent_cents >= 500000
    union all
    select
        person_key,
        'many_conditions' as signal,
        1 as points
    from members
    where condition_count >= 3

),

final as (

    select
        person_key,
        cast(signal as string) as signal,
        cast(points as int) as points
    from signals

)

select * from final
