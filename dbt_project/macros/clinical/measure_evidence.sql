{#- For measures that one service meets: which concepts meet it, and how many months back from the end
    of the year each counts (METHODS D.1). Says whether evidence that a restatement took away had closed
    a gap; a test holds it to the measures themselves. -#}
{% macro single_service_evidence() -%}
    {{ return({
        'M01': {27: ['mammography']},
        'M02': {36: ['cervical_cytology'], 60: ['hpv_test']},
        'M03': {
            12: ['fobt'],
            36: ['fit_dna'],
            60: ['flexible_sigmoidoscopy', 'ct_colonography'],
            120: ['colonoscopy'],
        },
        'M04': {12: ['chlamydia_test']},
        'M05': {12: ['hba1c']},
        'M07': {
            12: ['eye_exam_by_machine', 'eye_exam_no_retinopathy_before'],
            24: ['eye_exam'],
        },
        'M19': {12: ['well_visit_child', 'well_visit_older']},
        'M23': {18: [
            'influenza_vaccine_child', 'influenza_vaccine_live', 'influenza_vaccine_other'
        ]},
    }) }}
{%- endmacro %}

{#- The same as rows (measure_id, concept_key, months). -#}
{% macro single_service_rows() -%}
    {%- set rows = [] -%}
    {%- for measure_id, months in single_service_evidence().items() -%}
        {%- for count, names in months.items() -%}
            {%- for name in names -%}
                {%- do rows.append(
                    "select '" ~ measure_id ~ "' as measure_id, " ~ concept(name)
                    ~ " as concept_key, " ~ count ~ " as months"
                ) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(rows | join(' union all ')) }}
{%- endmacro %}

{#- Services that exclude from a measure, ever, or in the year from every measure (D.0.3): whether a
    restatement took an exclusion away. -#}
{% macro exclusion_evidence() -%}
    {{ return({
        'M02': ['no_cervix'],
        'M03': ['total_colectomy'],
        'M09': ['dialysis', 'kidney_transplant'],
        'M11': ['dialysis'],
        'M12': ['dialysis'],
        'M13': ['dialysis'],
        'every': ['hospice', 'palliative_care'],
    }) }}
{%- endmacro %}

{#- The same as rows (measure_id, concept_key); of every measure where it is null. -#}
{% macro exclusion_rows() -%}
    {%- set rows = [] -%}
    {%- for measure_id, names in exclusion_evidence().items() -%}
        {%- for name in names -%}
            {%- do rows.append(
                "select " ~ ("cast(null as string)" if measure_id == 'every' else "'" ~ measure_id ~ "'")
                ~ " as measure_id, " ~ concept(name) ~ " as concept_key"
            ) -%}
        {%- endfor -%}
    {%- endfor -%}
    {{ return(rows | join(' union all ')) }}
{%- endmacro %}
