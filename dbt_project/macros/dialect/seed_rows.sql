{#- Rows of a seed on Spark, as literals. dbt-spark's session binds a missing value as the text
    'None' and leaves quotes as they are, so a null of the CSV would become a word. -#}
{% macro spark__load_csv_rows(model, agate_table) -%}
    {%- set types = model['config'].get('column_types', {}) -%}
    {%- set statements = [] -%}
    {%- for chunk in agate_table.rows | batch(get_batch_size()) -%}
        {%- set rows = [] -%}
        {%- for row in chunk -%}
            {%- set values = [] -%}
            {%- for name in agate_table.column_names -%}
                {%- set inferred = adapter.convert_type(agate_table, loop.index0) -%}
                {%- do values.append(
                    "cast(" ~ spark_text_literal(row[name]) ~ " as " ~ types.get(name, inferred) ~ ")"
                ) -%}
            {%- endfor -%}
            {%- do rows.append("(" ~ values | join(", ") ~ ")") -%}
        {%- endfor -%}
        {%- set sql = "insert into " ~ this.render() ~ " values\n" ~ rows | join(",\n") -%}
        {%- do adapter.add_query(sql, abridge_sql_log=True) -%}
        {%- do statements.append(sql) -%}
    {%- endfor -%}
    {{ return(statements[0]) }}
{%- endmacro %}

{% macro spark_text_literal(value) -%}
    {%- if value is none -%}
        {{ return("null") }}
    {%- endif -%}
    {{ return("'" ~ value | string | replace("\\", "\\\\") | replace("'", "\\'") ~ "'") }}
{%- endmacro %}

{#- A seed that is delivered without rows gets a file without rows: whoever reads Spark's files for it
    would not know that there is such a table. -#}
{% macro spark__create_csv_table(model, agate_table) -%}
    {%- set created = dbt.spark__create_csv_table(model, agate_table) -%}
    {%- if agate_table.rows | length == 0 -%}
        {%- set types = model['config'].get('column_types', {}) -%}
        {%- set nulls = [] -%}
        {%- for name in agate_table.column_names -%}
            {%- do nulls.append("cast(null as " ~ types[name] ~ ")") -%}
        {%- endfor -%}
        {%- do adapter.add_query(
            "insert into " ~ this.render() ~ " select " ~ nulls | join(", ") ~ " where false"
        ) -%}
    {%- endif -%}
    {{ return(created) }}
{%- endmacro %}
