{#- Every concept that an event may speak of, by name: models say names, tables hold numbers. The
    names are those of the seeds clinical_value_set and drug_class; tests hold the three to each
    other. A concept's number is its place in this list and means nothing outside one build. -#}
{% macro concept_names() -%}
    {{ return([
        'ischemic_heart_disease',
        'congestive_heart_failure',
        'asthma',
        'obesity',
        'copd',
        'depression',
        'ckd',
        'bipolar',
        'diabetes_primary',
        'diabetes_secondary',
        'diabetes_in_pregnancy',
        'essential_hypertension',
        'other_hypertension',
        'hospice',
        'palliative_care',
        'frailty',
        'advanced_illness',
        'mammography',
        'mastectomy_both',
        'mastectomy_right',
        'mastectomy_left',
        'cervical_cytology',
        'hpv_test',
        'no_cervix',
        'colonoscopy',
        'flexible_sigmoidoscopy',
        'total_colectomy',
        'fobt',
        'fit_dna',
        'ct_colonography',
        'colorectal_cancer',
        'hba1c',
        'eye_exam',
        'eye_exam_no_retinopathy_before',
        'eye_exam_by_machine',
        'retinopathy',
        'egfr',
        'uacr',
        'urine_albumin',
        'urine_creatinine',
        'ckd_stage_5',
        'end_stage_renal_disease',
        'dialysis',
        'kidney_transplant',
        'myocardial_infarction',
        'cerebrovascular_disease',
        'peripheral_vascular_disease',
        'diabetes_end_organ',
        'heart_muscle_disease',
        'dust_lung_disease',
        'liver_disease_mild',
        'liver_disease_severe',
        'renal_disease_mild',
        'renal_disease_severe',
        'tumour',
        'metastatic_tumour',
        'dementia',
        'connective_tissue_disease',
        'aids',
        'hospital_procedure',
        'transplant_procedure',
        'planned_procedure',
        'planned_reason',
        'acute_reason',
        'cancer_reason',
        'maternity_reason',
        'psychiatric_reason',
        'haemoglobin',
        'antipsychotic_reason',
        'benzodiazepine_reason',
        'sodium',
        'systolic',
        'diastolic',
        'pregnancy',
        'asthma_excluding_lung_disease',
        'well_visit_newborn',
        'well_visit_child',
        'well_visit_older',
        'dtap',
        'ipv',
        'mmr',
        'hib_three_dose',
        'hib_four_dose',
        'hepatitis_b_vaccine',
        'varicella_vaccine',
        'pneumococcal_vaccine',
        'hepatitis_a_vaccine',
        'rotavirus_two_dose',
        'rotavirus_three_dose',
        'influenza_vaccine_child',
        'influenza_vaccine_live',
        'influenza_vaccine_other',
        'asthma_emergency',
        'mental_illness',
        'hepatitis_b_vaccine_newborn',
        'measles',
        'mumps',
        'rubella',
        'hepatitis_a',
        'hepatitis_b',
        'varicella',
        'vaccine_exclusion',
        'meningococcal_vaccine',
        'tdap',
        'hpv_vaccine',
        'behavioral_visit',
        'transition_visit',
        'tobacco_use',
        'stress_or_anxiety',
        'diabetes_drug',
        'ras_antagonist',
        'statin',
        'insulin',
        'sacubitril_valsartan',
        'asthma_reliever',
        'asthma_controller',
        'asthma_leukotriene_or_antibody',
        'dementia_drug',
        'chlamydia_test',
        'sexual_activity',
        'pregnancy_test',
        'plain_x_ray',
        'ascvd',
        'ldl_cholesterol',
        'familial_hypercholesterolemia',
        'cardiovascular_risk',
        'breastfeeding',
        'rhabdomyolysis',
        'statin_intolerance',
        'liver_disease',
        'acute_bronchitis',
        'upper_respiratory_infection',
        'pharyngitis',
        'respiratory_comorbidity',
        'antibiotic_indication',
        'strep_test',
        'bmi_percentile',
        'body_height',
        'body_weight',
        'nutrition_counselling',
        'activity_counselling',
        'body_mass_index',
        'weight_follow_up',
        'depression_screen',
        'phq_9',
        'phq_2',
        'depression_follow_up',
        'tobacco_status',
        'tobacco_counselling',
        'atrial_fibrillation',
        'stroke',
        'care_management',
        'low_back_pain',
        'lumbar_imaging',
        'back_imaging_cause_ever',
        'back_imaging_cause_year',
        'back_imaging_cause_recent',
        'major_depression',
        'systolic_heart_failure',
        'ejection_fraction',
        'heart_transplant_or_device',
        'raas_inhibitor_intolerance',
        'bradycardia',
        'heart_block',
        'pacemaker',
        'hypotension',
        'contraceptive',
        'isotretinoin',
        'antibiotic',
        'tobacco_drug',
        'oral_steroid',
        'osteoporosis_drug',
        'antidepressant',
        'ace_or_arb',
        'heart_failure_beta_blocker',
        'medication_reconciliation',
        'potassium_test',
        'prothrombin_time',
        'lithium_level',
    ]) }}
{%- endmacro %}

{#- The number of one concept. -#}
{% macro concept(name) -%}
    {%- if name not in concept_names() -%}
        {{ exceptions.raise_compiler_error(
            "No concept " ~ name ~ ". Add it to concept_names() and to a value-set seed."
        ) }}
    {%- endif -%}
    {{ return(concept_names().index(name) + 1) }}
{%- endmacro %}

{#- The numbers of several, for `in`. -#}
{% macro concepts(names) -%}
    {%- set numbers = [] -%}
    {%- for name in names -%}{%- do numbers.append(concept(name)) -%}{%- endfor -%}
    {{ return('(' ~ numbers | join(', ') ~ ')') }}
{%- endmacro %}

{#- All concepts as rows (concept_key, concept). -#}
{% macro concept_rows() -%}
    {%- for name in concept_names() %}
    select {{ loop.index }} as concept_key, '{{ name }}' as concept
    {%- if not loop.last %} union all{% endif %}
    {%- endfor %}
{%- endmacro %}

{#- Conditions of the registry (METHODS C.2) as rows (concept_key, condition); bipolar disorder only
    takes depression away. -#}
{% macro condition_rows() -%}
    {%- set conditions = {
        'diabetes_primary': 'diabetes',
        'diabetes_secondary': 'diabetes',
        'ischemic_heart_disease': 'ischemic_heart_disease',
        'congestive_heart_failure': 'congestive_heart_failure',
        'asthma': 'asthma',
        'obesity': 'obesity',
        'essential_hypertension': 'hypertension',
        'other_hypertension': 'hypertension',
        'copd': 'copd',
        'depression': 'depression',
        'ckd': 'ckd',
        'bipolar': 'bipolar',
    } -%}
    {%- for name, condition in conditions.items() %}
    select {{ concept(name) }} as concept_key, '{{ condition }}' as condition
    {%- if not loop.last %} union all{% endif %}
    {%- endfor %}
{%- endmacro %}

{#- What an event stands on, as a number: a diagnosis on a claim of a facility stay (stay) or of an
    outpatient or professional claim (visit), a service billed, a fill, a result, or supplemental
    data that nobody audited. -#}
{% macro source_kind(name) -%}
    {%- set kinds = ['stay', 'visit', 'service', 'fill', 'result', 'supplemental'] -%}
    {{ return(kinds.index(name) + 1) }}
{%- endmacro %}

{#- Rows of int_clinical_event (or int_claim_event) for unit tests (format: sql), a line each: person, concept, date,
    then if wanted kind (visit), value, claim (its
    number, or what payer p calls it), and the day delivered if that is another. -#}
{% macro given_events(lines, claim_column='evidence_claim_key') -%}
    {%- for line in lines.strip().splitlines() %}
    {%- set told = line.split(',') | map('trim') | list + ['', '', '', ''] %}
    select
        cast({{ told[0] }} as int) as person_key,
        cast({{ concept(told[1]) }} as int) as concept_key,
        cast({{ source_kind(told[3] or 'visit') }} as int) as source_kind,
        {%- if told[5] and not told[5].isdigit() %}
        {{ pair_key("'p'", "'" ~ told[5] ~ "'") }} as {{ claim_column }},
        {%- else %}
        cast({{ told[5] or 'null' }} as bigint) as {{ claim_column }},
        {%- endif %}
        cast({{ told[4] or 'null' }} as decimal(12, 3)) as value,
        cast('{{ told[2] }}' as date) as event_date,
        cast(nullif('{{ told[6] or told[2] }}', 'never') as date) as delivered_on
    {%- if not loop.last %} union all{% endif %}
    {%- endfor %}
{%- endmacro %}
