{#- The relation that holds all rows of a feed's accepted deliveries, selected or not. The one
    place that knows how an engine reads the ledger's Parquet files: DuckDB takes the source's
    external location; Spark reads the same folder by path. Older files that lack a column a
    contract gained later give null in it. -#}
{% macro ledger_rows(feed) -%}
    {{ return(adapter.dispatch('ledger_rows', 'collaborative_care')(feed)) }}
{%- endmacro %}

{% macro default__ledger_rows(feed) -%}
    {{ return(source('ledger', feed)) }}
{%- endmacro %}

{% macro spark__ledger_rows(feed) -%}
    {#- The call keeps the lineage; the text names the files. -#}
    {%- do source('ledger', feed) -%}
    {{ return('parquet.`' ~ env_var('CARE_DATA_DIR') ~ '/ledger/' ~ feed ~ '/*/*/*.parquet`') }}
{%- endmacro %}

{#- The same for the two small files that say which deliveries a run reads. -#}
{% macro run_input(name) -%}
    {{ return(adapter.dispatch('run_input', 'collaborative_care')(name)) }}
{%- endmacro %}

{% macro default__run_input(name) -%}
    {{ return(source('run_inputs', name)) }}
{%- endmacro %}

{% macro spark__run_input(name) -%}
    {%- do source('run_inputs', name) -%}
    {{ return('parquet.`' ~ env_var('CARE_DATA_DIR') ~ '/warehouse/inputs/' ~ name ~ '.parquet`') }}
{%- endmacro %}
