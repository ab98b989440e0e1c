{#- The claim number without the payer's version suffix (METHODS A.1 step 2): versions that differ
    by suffix alone are one claim. The number itself where the payer uses no suffix. -#}
{% macro claim_family_id(claim_id, suffix_regex) -%}
    {{ return(
        "case when " ~ suffix_regex ~ " is null then " ~ claim_id
        ~ " else coalesce(nullif(regexp_replace(" ~ claim_id ~ ", " ~ suffix_regex
        ~ ", ''), ''), " ~ claim_id ~ ") end"
    ) }}
{%- endmacro %}
