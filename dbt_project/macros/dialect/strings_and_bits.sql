{#- A number of 63 bits that stands for a pair of texts inside the warehouse. Two pairs could
    share one; a blocking test on the big table that uses it says when they do. It costs half a
    second for ten million lines where numbering the sorted claims costs twelve. -#}
{% macro pair_key(first_text, second_text) -%}
    {{ return(adapter.dispatch('pair_key', 'collaborative_care')(first_text, second_text)) }}
{%- endmacro %}

{% macro default__pair_key(first_text, second_text) -%}
    {{ return("cast(hash(" ~ first_text ~ ", " ~ second_text ~ ") >> 1 as bigint)") }}
{%- endmacro %}

{% macro spark__pair_key(first_text, second_text) -%}
    {{ return("shiftrightunsigned(xxhash64(" ~ first_text ~ ", " ~ second_text ~ "), 1)") }}
{%- endmacro %}

{#- The number whose only set bit is the one of this position, 0 to 61. -#}
{% macro single_bit(position) -%}
    {{ return(adapter.dispatch('single_bit', 'collaborative_care')(position)) }}
{%- endmacro %}

{% macro default__single_bit(position) -%}
    {{ return("(cast(1 as bigint) << " ~ position ~ ")") }}
{%- endmacro %}

{% macro spark__single_bit(position) -%}
    {{ return("shiftleft(cast(1 as bigint), cast(" ~ position ~ " as int))") }}
{%- endmacro %}

{#- The group's texts in ascending order as one text: equal for equal multisets. -#}
{% macro sorted_concat(text) -%}
    {{ return(adapter.dispatch('sorted_concat', 'collaborative_care')(text)) }}
{%- endmacro %}

{% macro default__sorted_concat(text) -%}
    {{ return("string_agg(" ~ text ~ ", ',' order by " ~ text ~ ")") }}
{%- endmacro %}

{% macro spark__sorted_concat(text) -%}
    {{ return("array_join(array_sort(collect_list(" ~ text ~ ")), ',')") }}
{%- endmacro %}

{#- Dollars with two decimals as a whole number of cents, exactly. -#}
{% macro cents(amount) -%}
    {{ return("cast(" ~ amount ~ " * 100 as bigint)") }}
{%- endmacro %}

{#- One row for each of the named columns, with its value: a select-list expression that turns
    columns into rows in a single pass. Columns that are null to the end of the list give no rows
    where only the first one or the first five are filled, as on most claims. -#}
{% macro columns_to_rows(columns) -%}
    {%- set filled = [] -%}
    {%- for count in [1, 5] if count + 1 < columns | length -%}
        {%- do filled.append(
            "when coalesce(" ~ columns[count:] | join(', ') ~ ") is null then "
            ~ array_of(columns[:count])
        ) -%}
    {%- endfor -%}
    {{ return(array_to_rows(
        "case " ~ filled | join(' ') ~ " else " ~ array_of(columns) ~ " end"
        if filled else array_of(columns)
    )) }}
{%- endmacro %}

{% macro array_of(columns) -%}
    {{ return(adapter.dispatch('array_of', 'collaborative_care')(columns)) }}
{%- endmacro %}

{% macro default__array_of(columns) -%}
    {{ return("[" ~ columns | join(', ') ~ "]") }}
{%- endmacro %}

{% macro spark__array_of(columns) -%}
    {{ return("array(" ~ columns | join(', ') ~ ")") }}
{%- endmacro %}

{% macro array_to_rows(array) -%}
    {{ return(adapter.dispatch('array_to_rows', 'collaborative_care')(array)) }}
{%- endmacro %}

{% macro default__array_to_rows(array) -%}
    {{ return("unnest(" ~ array ~ ")") }}
{%- endmacro %}

{% macro spark__array_to_rows(array) -%}
    {{ return("explode(" ~ array ~ ")") }}
{%- endmacro %}
