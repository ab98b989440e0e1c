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
    {#- A table that is delivered empty has none. -#}
    {{ return(statements[0] if statements else '') }}
{%- endmacro %}

{% macro spark_text_literal(value) -%}
    {%- if value is none -%}
        {{ return("null") }}
    {%- endif -%}
    {{ return("'" ~ value | string | replace("\\", "\\\\") | replace("'", "\\'") ~ "'") }}
{%- endmacro %}
