{#- How many entries the list of this name has in the newest agreement of a program file, which
    stands last in it; 1 where there is none. The entries hold no comma and no bracket. -#}
{% macro count_of_last_list(terms_json, name) -%}
    {%- set rest = "reverse(split_part(reverse(" ~ terms_json ~ "), reverse('" ~ name ~ "'), 1))" -%}
    {%- set listed = "split_part(" ~ rest ~ ", ']', 1)" -%}
    case
        when {{ terms_json }} like '%{{ name }}%'
            then 1 + length({{ listed }}) - length(replace({{ listed }}, ',', ''))
        else 1
    end
{%- endmacro %}
