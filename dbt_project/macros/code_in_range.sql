{#- Whether a code lies in a value set's range, both ends included. Codes compare as text of equal
    length; a range of codes ending in digits never takes in those ending in a letter (7010F is
    no imaging code though it sorts between 70010 and 79999), nor one letter another's. -#}
{% macro code_in_range(code, low, high) -%}
    {{ return(
        code ~ " between " ~ low ~ " and " ~ high
        ~ " and length(" ~ code ~ ") = length(" ~ low ~ ")"
        ~ " and (right(" ~ code ~ ", 1) = right(" ~ low ~ ", 1)"
        ~ " or (right(" ~ code ~ ", 1) between '0' and '9'"
        ~ " and right(" ~ low ~ ", 1) between '0' and '9'))"
    ) }}
{%- endmacro %}
