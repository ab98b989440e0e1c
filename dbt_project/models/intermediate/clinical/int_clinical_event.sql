-- DESIGN decision 4: what claims, fills and results say of a person, once for each concept, day and
-- kind of evidence. Every measure and the registry read this. A reading of blood pressure made in
-- hospital is no event (METHODS D.1, M09). Unaudited supplemental data are a kind of their own: they
-- count for worklists, never for pay for performance (D.0.4).

with

claim_events as (

    select * from {{ ref('int_claim_event') }}

),

fills as (

    select * from {{ ref('int_pharmacy_fill') }}

),

products as (

    select * from {{ ref('drug_product') }}

),

classes as (

    select
        named.concept_key,
        drug_class.ingredient
    from {{ ref('drug_class') }} as drug_class
    inner join ({{ concept_rows() }}) as named on drug_class.concept = named.concept
    -- Adherence reads fills themselves; as events these would only be many.
    where drug_class.concept not in ('diabetes_drug', 'ras_antagonist')

),

results as (

    select * from {{ ref('stg_ledger__clinical_result') }}

),

value_sets as (

    select
        named.concept_key,
        value_sets.*
    from {{ ref('clinical_value_set') }} as value_sets
    inner join ({{ concept_rows() }}) as named on value_sets.concept = named.concept
    where value_sets.code_system in ('loinc', 'cvx', 'hcpcs', 'icd10cm', 'icd10pcs')

),

discharge_statuses as (

    select
        named.concept_key,
        value_sets.code_low as discharge_status_code
    from {{ ref('clinical_value_set') }} as value_sets
    inner join ({{ concept_rows() }}) as named on value_sets.concept = named.concept
    where value_sets.code_system = 'discharge_status'

),

stays as (

    select * from {{ ref('int_inpatient_stay') }}

),

emergency_visits as (

    select * from {{ ref('int_ed_visit') }}

),

principal_diagnoses as (

    select
        named.concept_key,
        value_sets.*
    from {{ ref('clinical_value_set') }} as value_sets
    inner join ({{ concept_rows() }}) as named on value_sets.concept = named.concept
    where value_sets.code_system = 'icd10cm_principal'

),

persons as (

    select
        person_key,
        payer,
        person_id
    from {{ ref('int_person') }}

),

fill_events as (

    select
        fills.person_key,
        classes.concept_key,
        {{ source_kind('fill') }} as source_kind,
        cast(null as bigint) as evidence_claim_key,
        -- Asthma drugs are counted in units: 30 days of an oral one, an inhaler, an injection.
        sum(
            case
                when
                    classes.concept_key in {{ concepts([
                        'asthma_reliever', 'asthma_controller', 'asthma_leukotriene_or_antibody'
                    ]) }}
                    then case
                        when products.dose_form = 'oral' then ceil(fills.days_supply / 30.0)
                        else 1
                    end
                else fills.days_supply
            end
        ) as value,
        fills.fill_date as event_date,
        cast(null as date) as delivered_on
    from fills
    inner join products on substr(fills.ndc_code, 1, 9) = products.product_code
    inner join classes on products.ingredient = classes.ingredient
    group by fills.person_key, classes.concept_key, fills.fill_date

),

stay_events as (

    select
        stays.person_key,
        discharge_statuses.concept_key,
        {{ source_kind('stay') }} as source_kind,
        cast(null as bigint) as evidence_claim_key,
        cast(null as decimal(12, 3)) as value,
        stays.discharge_date as event_date,
        cast(null as date) as delivered_on
    from stays
    inner join discharge_statuses
        on stays.discharge_status_code = discharge_statuses.discharge_status_code
    where stays.discharge_date is not null

),

hospital_contacts as (

    select
        person_key,
        principal_diagnosis_code,
        discharge_date as event_date
    from stays
    where discharge_date is not null
    union all
    select
        person_key,
        principal_diagnosis_code,
        visit_start_date as event_date
    from emergency_visits

),

-- The reason of a stay or an emergency visit, at its discharge or start.
principal_events as (

    select
        hospital_contacts.person_key,
        principal_diagnoses.concept_key,
        {{ source_kind('stay') }} as source_kind,
        cast(null as bigint) as evidence_claim_key,
        cast(null as decimal(12, 3)) as value,
        hospital_contacts.event_date,
        cast(null as date) as delivered_on
    from hospital_contacts
    inner join principal_diagnoses
        on
            substr(
                hospital_contacts.principal_diagnosis_code,
                1,
                length(principal_diagnoses.code_low)
            ) between principal_diagnoses.code_low and principal_diagnoses.code_high

),

result_codes as (

    select distinct
        code_system,
        code
    from results

),

coded_concepts as (

    select
        result_codes.code_system,
        result_codes.code,
        value_sets.concept_key,
        max(value_sets.value) as value
    from result_codes
    inner join value_sets
        on
            result_codes.code_system = value_sets.code_system
            and (
                (
                    value_sets.code_system in ('loinc', 'cvx')
                    and result_codes.code = value_sets.code_low
                )
                or (
                    value_sets.code_system in ('icd10cm', 'icd10pcs')
                    and substr(result_codes.code, 1, length(value_sets.code_low))
                    between value_sets.code_low and value_sets.code_high
                )
                or (
                    value_sets.code_system = 'hcpcs'
                    and {{ code_in_range(
                        'result_codes.code', 'value_sets.code_low', 'value_sets.code_high'
                    ) }}
                )
            )
    group by result_codes.code_system, result_codes.code, value_sets.concept_key
    having not bool_or(value_sets.is_exclusion)

),

kept_results as (

    select
        persons.person_key,
        results.*
    from results
    inner join persons
        on results.payer = persons.payer and results.person_id = persons.person_id
    where
        results.result_kind <> 'vital' or coalesce(results.setting, '') not in ('ed', 'inpatient')

),

result_events as (

    select
        kept_results.person_key,
        coded_concepts.concept_key,
        case
            when kept_results.result_kind = 'supplemental' and not coalesce(is_audited, false)
                then {{ source_kind('supplemental') }}
            else {{ source_kind('result') }}
        end as source_kind,
        cast(null as bigint) as evidence_claim_key,
        coalesce(kept_results.value, coded_concepts.value) as value,
        kept_results.service_date as event_date,
        kept_results.delivered_on
    from kept_results
    inner join coded_concepts
        on
            kept_results.code_system = coded_concepts.code_system
            and kept_results.code = coded_concepts.code
    union all
    -- The panel's second number.
    select
        person_key,
        {{ concept('diastolic') }} as concept_key,
        {{ source_kind('result') }} as source_kind,
        cast(null as bigint) as evidence_claim_key,
        second_value as value,
        service_date as event_date,
        delivered_on
    from kept_results
    where code_system = 'loinc' and code = '85354-9' and second_value is not null

),

other_events as (

    select * from fill_events
    union all
    select * from stay_events
    union all
    select * from principal_events
    union all
    select * from result_events

),

-- The smallest number of the claims that say the same stands for them; as each engine makes numbers
-- in its own way, which one that is differs between engines.
merged as (

    select
        person_key,
        concept_key,
        source_kind,
        min(claim_key) as evidence_claim_key,
        value,
        event_date,
        min(delivered_on) as delivered_on
    from claim_events
    group by person_key, concept_key, source_kind, value, event_date
    union all
    select
        person_key,
        concept_key,
        source_kind,
        min(evidence_claim_key) as evidence_claim_key,
        value,
        event_date,
        min(delivered_on) as delivered_on
    from other_events
    group by person_key, concept_key, source_kind, value, event_date

),

final as (

    select
        person_key,
        cast(concept_key as int) as concept_key,
        cast(source_kind as int) as source_kind,
        cast(evidence_claim_key as bigint) as evidence_claim_key,
        cast(value as decimal(12, 3)) as value,
        cast(event_date as date) as event_date,
        cast(delivered_on as date) as delivered_on
    from merged

)

select * from final
