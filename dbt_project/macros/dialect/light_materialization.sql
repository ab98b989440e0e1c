{#- Materialisation of a model that only renames, joins or filters. DuckDB reads through a view at
    no cost, and a copy of the claims would be its dearest table (DESIGN decision 3). Spark lists
    and opens every file of the ledger each time such a view is read, and Python reads its tables,
    not its views (orchestration/warehouse.py); so there it is a table. -#}
{% macro light_materialization() -%}
    {{ return(adapter.dispatch('light_materialization', 'collaborative_care')()) }}
{%- endmacro %}

{% macro default__light_materialization() -%}
    {{ return('view') }}
{%- endmacro %}

{% macro spark__light_materialization() -%}
    {{ return('table') }}
{%- endmacro %}
