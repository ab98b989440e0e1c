{#- LACE's comorbidities (METHODS F.1), the graver of each pair first: points and the concepts whose
    diagnoses give them. One list for stays of the past and for members of today. -#}
{% macro lace_comorbidities() -%}
    {{ return([
        [(1, ['myocardial_infarction'])],
        [(1, ['cerebrovascular_disease'])],
        [(1, ['peripheral_vascular_disease'])],
        [(2, ['diabetes_end_organ']), (1, ['diabetes_primary', 'diabetes_secondary'])],
        [(2, ['congestive_heart_failure', 'heart_muscle_disease'])],
        [(2, ['copd', 'asthma', 'dust_lung_disease'])],
        [
            (4, ['liver_disease_severe', 'renal_disease_severe']),
            (2, ['liver_disease_mild', 'renal_disease_mild']),
        ],
        [(6, ['metastatic_tumour']), (2, ['tumour'])],
        [(3, ['dementia'])],
        [(3, ['connective_tissue_disease'])],
        [(4, ['aids'])],
    ]) }}
{%- endmacro %}
