{#- Lets the expected rows of a unit test (format: sql) call our macros, as its given rows may:
    a key that engines spell differently is then named, not copied. -#}
{% macro default__get_unit_test_sql(main_sql, expected_fixture_sql, expected_column_names) -%}
    {{ return(dbt.default__get_unit_test_sql(
        main_sql, render(expected_fixture_sql), expected_column_names
    )) }}
{%- endmacro %}
