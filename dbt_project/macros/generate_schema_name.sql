{#- Every relation lives in the target's one schema. The configured schema of a folder names its
    layer only: dagster-dbt makes the asset key [layer, model] of it (DESIGN section 7). -#}
{% macro generate_schema_name(custom_schema_name, node) -%}
    {{ target.schema }}
{%- endmacro %}
