{#- Tests that answer a rule's `missing_test`, by the concepts that tell of them; a metabolic panel
    tells of kidney and potassium. -#}
{%- set tests = {
    'potassium': ['potassium_test', 'egfr'],
    'metabolic_panel': ['egfr'],
    'prothrombin_time': ['prothrombin_time'],
    'lithium_level': ['lithium_level'],
} -%}
{%- set wash_out -%}
    case
        when groups.drug_group in ('mao_inhibitor', 'tranylcypromine', 'procarbazine') then 14
        when groups.drug_group = 'serotonergic' and supplies.ingredient = 'fluoxetine' then 35
        else 0
    end
{%- endset -%}
{%- set next_start -%}
    lead(supplies.supply_start_date) over (
        partition by supplies.person_key, groups.drug_group, supplies.ingredient
        order by supplies.supply_start_date, supplies.supply_end_date
    )
{%- endset -%}
-- METHODS E.3: possible problems among the drugs a member had in the 180 days before the last day whose
-- fills are known: the fifteen high-priority interactions, two drugs of one class for 30 days or more,
-- combinations, drugs against a finding or without the test they need, and classes that older adults
-- should avoid. Each is a question for a clinician, not a verdict. Strength, route and indication of a
-- product are not known here: rules by dose (digoxin above 0.125 mg, doxepin above 6 mg, opioids by
-- morphine equivalents) and for extended release are missing.
--
-- An MAO inhibitor stays active 14 days after its supply, fluoxetine 35.

with

supplies as (

    select
        person_key,
        ingredient,
        fill_date,
        supply_start_date,
        supply_end_date,
        evaluation_date,
        {{ date_plus_days('evaluation_date', -180) }} as first_date
    from {{ ref('int_drug_supply') }}

),

groups as (

    select
        drug_group,
        ingredient
    from {{ ref('drug_group') }}

),

rules as (

    select * from {{ ref('drug_rule') }}

),

persons as (

    select
        person_key,
        birth_date
    from {{ ref('int_person') }}

),

events as (

    select
        person_key,
        concept_key,
        value,
        event_date
    from {{ ref('int_clinical_event') }}
    where
        concept_key in {{ concepts([
            'egfr', 'antipsychotic_reason', 'benzodiazepine_reason', 'renal_disease_severe',
            'systolic_heart_failure', 'potassium_test', 'prothrombin_time', 'lithium_level'
        ]) }}
        and source_kind <> {{ source_kind('supplemental') }}

),

heart_failures as (

    select person_key
    from {{ ref('int_condition_registry') }}
    where basis = 'run' and condition = 'congestive_heart_failure' and is_active

),

-- Supplies in reach, by the drug groups they belong to; those with a wash-out last longer.
grouped as (

    select
        supplies.person_key,
        groups.drug_group,
        supplies.ingredient,
        supplies.fill_date,
        supplies.evaluation_date,
        supplies.supply_end_date,
        greatest(supplies.supply_start_date, supplies.first_date) as from_date,
        least(
            {{ date_plus_days('supplies.supply_end_date', wash_out) }},
            coalesce({{ date_plus_days(next_start, -1) }}, date '9999-12-31'),
            supplies.evaluation_date
        ) as until_date
    from supplies
    inner join groups on supplies.ingredient = groups.ingredient
    where
        supplies.supply_end_date >= {{ date_plus_days('supplies.first_date', -35) }}

),

active as (

    select * from grouped where until_date >= from_date

),

-- Two drugs at once, day by day. The third of a rule has to be there on the same days.
pairs as (

    select
        rules.rule_id,
        rules.least_days,
        first_drug.person_key,
        first_drug.evaluation_date,
        first_drug.ingredient as ingredient_a,
        second_drug.ingredient as ingredient_b,
        rules.group_c,
        greatest(first_drug.from_date, second_drug.from_date) as from_date,
        least(first_drug.until_date, second_drug.until_date) as until_date
    from rules
    inner join active as first_drug on rules.group_a = first_drug.drug_group
    inner join active as second_drug
        on
            rules.group_b = second_drug.drug_group
            and first_drug.person_key = second_drug.person_key
            and first_drug.ingredient <> second_drug.ingredient
            and first_drug.from_date <= second_drug.until_date
            and second_drug.from_date <= first_drug.until_date
            and (rules.group_a <> rules.group_b or first_drug.ingredient < second_drug.ingredient)
    where rules.rule_kind in ('interaction', 'duplicate', 'combination')

),

shared_days as (

    select
        rule_id,
        least_days,
        person_key,
        evaluation_date,
        ingredient_a,
        ingredient_b,
        from_date,
        until_date
    from pairs
    where group_c is null
    union all
    select
        pairs.rule_id,
        pairs.least_days,
        pairs.person_key,
        pairs.evaluation_date,
        pairs.ingredient_a,
        pairs.ingredient_b,
        greatest(pairs.from_date, third_drug.from_date) as from_date,
        least(pairs.until_date, third_drug.until_date) as until_date
    from pairs
    inner join active as third_drug
        on
            pairs.group_c = third_drug.drug_group
            and pairs.person_key = third_drug.person_key
            and pairs.from_date <= third_drug.until_date
            and third_drug.from_date <= pairs.until_date

),

together as (

    select
        rule_id,
        person_key,
        ingredient_a,
        ingredient_b,
        evaluation_date,
        sum({{ whole_days_between('from_date', 'until_date') }} + 1) as days_together,
        min(from_date) as first_date,
        max(until_date) as last_date
    from shared_days
    group by rule_id, least_days, person_key, ingredient_a, ingredient_b, evaluation_date
    having sum({{ whole_days_between('from_date', 'until_date') }} + 1) >= least_days

),

-- A change of drug looks like two at once: the one that began first was not filled again since the
-- other one began, and its supply has been over for 30 days.
drug_courses as (

    select
        person_key,
        ingredient,
        min(fill_date) as first_fill_date,
        max(fill_date) as last_fill_date,
        max(supply_end_date) as last_supply_date
    from supplies
    where supply_end_date >= first_date
    group by person_key, ingredient

),

pair_alerts as (

    select
        together.rule_id,
        together.person_key,
        together.ingredient_a,
        together.ingredient_b,
        together.evaluation_date,
        together.days_together,
        together.first_date,
        together.last_date,
        (
            first_course.first_fill_date < second_course.first_fill_date
            and first_course.last_fill_date < second_course.first_fill_date
            and {{ date_plus_days('first_course.last_supply_date', 30) }}
            <= together.evaluation_date
        )
        or (
            second_course.first_fill_date < first_course.first_fill_date
            and second_course.last_fill_date < first_course.first_fill_date
            and {{ date_plus_days('second_course.last_supply_date', 30) }}
            <= together.evaluation_date
        ) as is_switch
    from together
    inner join drug_courses as first_course
        on
            together.person_key = first_course.person_key
            and together.ingredient_a = first_course.ingredient
    inner join drug_courses as second_course
        on
            together.person_key = second_course.person_key
            and together.ingredient_b = second_course.ingredient

),

-- The last filtration rate known at all, kidney disease of stage 4 or worse, heart failure, a weak left
-- ventricle.
last_rates as (

    select
        person_key,
        value,
        event_date
    from events
    where concept_key = {{ concept('egfr') }} and value is not null
    qualify row_number() over (partition by person_key order by event_date desc, value) = 1

),

findings as (

    select
        'F01' as rule_id,
        person_key,
        event_date as since_date
    from last_rates
    where value < 30
    union all
    select
        'F02' as rule_id,
        person_key,
        event_date as since_date
    from last_rates
    where value < 45
    union all
    select
        'F02' as rule_id,
        person_key,
        min(event_date) as since_date
    from events
    where concept_key = {{ concept('renal_disease_severe') }}
    group by person_key
    union all
    select
        'F02' as rule_id,
        person_key,
        cast(null as date) as since_date
    from heart_failures
    union all
    select
        'F03' as rule_id,
        person_key,
        min(event_date) as since_date
    from events
    where concept_key = {{ concept('systolic_heart_failure') }}
    group by person_key

),

first_findings as (

    select
        rule_id,
        person_key,
        min(coalesce(since_date, date '1900-01-01')) as since_date
    from findings
    group by rule_id, person_key

),

finding_alerts as (

    select
        rules.rule_id,
        active.person_key,
        active.ingredient,
        active.evaluation_date,
        sum(
            {{ whole_days_between(
                'greatest(active.from_date, first_findings.since_date)', 'active.until_date'
            ) }} + 1
        ) as days_together,
        min(greatest(active.from_date, first_findings.since_date)) as first_date,
        max(active.until_date) as last_date
    from first_findings
    inner join rules on first_findings.rule_id = rules.rule_id
    inner join active
        on
            rules.group_a = active.drug_group
            and first_findings.person_key = active.person_key
            and active.until_date >= first_findings.since_date
    group by
        rules.rule_id,
        rules.least_days,
        active.person_key,
        active.ingredient,
        active.evaluation_date
    having
        sum(
            {{ whole_days_between(
                'greatest(active.from_date, first_findings.since_date)', 'active.until_date'
            ) }} + 1
        ) >= rules.least_days

),

-- Drugs that need a test now and then; whether it was made is asked of all rules below.
monitored as (

    select
        rules.rule_id,
        active.person_key,
        active.ingredient,
        active.evaluation_date,
        sum({{ whole_days_between('active.from_date', 'active.until_date') }} + 1)
            as days_together,
        min(active.from_date) as first_date,
        max(active.until_date) as last_date
    from rules
    inner join active on rules.group_a = active.drug_group
    where rules.rule_kind = 'monitoring'
    group by
        rules.rule_id,
        rules.least_days,
        active.person_key,
        active.ingredient,
        active.evaluation_date
    having
        sum({{ whole_days_between('active.from_date', 'active.until_date') }} + 1)
        >= rules.least_days

),

last_tests as (
    {% for test, names in tests.items() %}
    select
        '{{ test }}' as missing_test,
        person_key,
        max(event_date) as test_date
    from events
    where concept_key in {{ concepts(names) }}
    group by person_key
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

),

-- Two fills of a class on different days within a year, at 65 or older; anti-infectives by days. Some
-- diagnoses are a reason for the drug.
older_adults as (

    select
        rules.rule_id,
        rules.least_days,
        rules.least_fills,
        supplies.person_key,
        supplies.evaluation_date,
        groups.drug_group,
        count(distinct supplies.fill_date) as fill_dates,
        sum({{ whole_days_between('supplies.supply_start_date', 'supplies.supply_end_date') }} + 1)
            as days_together,
        min(supplies.ingredient) as ingredient,
        min(supplies.fill_date) as first_date,
        max(supplies.fill_date) as last_date
    from rules
    inner join groups on rules.group_a = groups.drug_group
    inner join supplies
        on
            groups.ingredient = supplies.ingredient
            and supplies.fill_date > {{ date_plus_months('supplies.evaluation_date', -12) }}
    inner join persons
        on
            supplies.person_key = persons.person_key
            and {{ completed_years('persons.birth_date', 'supplies.evaluation_date') }} >= 65
    where rules.rule_kind = 'older_adult'
    group by
        rules.rule_id,
        rules.least_days,
        rules.least_fills,
        supplies.person_key,
        supplies.evaluation_date,
        groups.drug_group

),

justified as (

    select distinct
        person_key,
        case
            when concept_key = {{ concept('antipsychotic_reason') }} then 'antipsychotic'
            else 'benzodiazepine'
        end as drug_group
    from events
    where
        concept_key in {{ concepts(['antipsychotic_reason', 'benzodiazepine_reason']) }}

),

alerts as (

    select
        rule_id,
        person_key,
        ingredient_a,
        ingredient_b,
        evaluation_date,
        days_together,
        first_date,
        last_date,
        is_switch
    from pair_alerts
    union all
    select
        rule_id,
        person_key,
        ingredient as ingredient_a,
        cast(null as string) as ingredient_b,
        evaluation_date,
        days_together,
        first_date,
        last_date,
        false as is_switch
    from finding_alerts
    union all
    select
        rule_id,
        person_key,
        ingredient as ingredient_a,
        cast(null as string) as ingredient_b,
        evaluation_date,
        days_together,
        first_date,
        last_date,
        false as is_switch
    from monitored
    union all
    select
        older_adults.rule_id,
        older_adults.person_key,
        older_adults.ingredient as ingredient_a,
        cast(null as string) as ingredient_b,
        older_adults.evaluation_date,
        older_adults.days_together,
        older_adults.first_date,
        older_adults.last_date,
        false as is_switch
    from older_adults
    left join justified
        on
            older_adults.person_key = justified.person_key
            and older_adults.drug_group = justified.drug_group
    where
        older_adults.fill_dates >= older_adults.least_fills
        and older_adults.days_together >= older_adults.least_days
        and justified.person_key is null

),

final as (

    select
        cast(alerts.person_key as int) as person_key,
        cast(alerts.rule_id as string) as rule_id,
        cast(rules.rule_kind as string) as rule_kind,
        cast(
            case when rules.can_be_switch and alerts.is_switch then 'MODERATE' else rules.grade end
            as string
        ) as grade,
        cast(rules.group_a as string) as group_a,
        cast(rules.group_b as string) as group_b,
        cast(alerts.ingredient_a as string) as ingredient_a,
        cast(alerts.ingredient_b as string) as ingredient_b,
        cast(alerts.days_together as int) as days_together,
        cast(rules.can_be_switch and alerts.is_switch as boolean) as is_switch,
        cast(alerts.first_date as date) as first_date,
        cast(alerts.last_date as date) as last_date,
        cast(alerts.evaluation_date as date) as evaluation_date
    from alerts
    inner join rules on alerts.rule_id = rules.rule_id
    left join last_tests
        on
            rules.missing_test = last_tests.missing_test
            and alerts.person_key = last_tests.person_key
    where
        rules.missing_test is null
        or last_tests.test_date is null
        or last_tests.test_date
        <= {{ date_plus_months('alerts.evaluation_date', '-rules.test_months') }}

)

select * from final
