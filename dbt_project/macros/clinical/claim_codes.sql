{#- The diagnosis and hospital-procedure columns of a claim line. Both kinds of codes share one text
    space: every diagnosis begins with a letter, every listed procedure with a digit. -#}
{% macro claim_code_columns() -%}
    {%- set columns = [] -%}
    {%- for position in range(1, 26) -%}
        {%- do columns.append('diagnosis_code_' ~ position) -%}
    {%- endfor -%}
    {%- for position in range(1, 7) -%}
        {%- do columns.append('procedure_code_' ~ position) -%}
    {%- endfor -%}
    {{ return(columns) }}
{%- endmacro %}
