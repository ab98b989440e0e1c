{#- Quotient of two integers rounded half up to an integer, exactly: no double on the way (DESIGN
    decision 9). Null when the divisor is 0. The dividend is 0 or more. A rate with decimals is the
    quotient of a dividend scaled up, scaled down again by a decimal literal. -#}
{% macro rounded_quotient(dividend, divisor) -%}
    {{ return(adapter.dispatch('rounded_quotient', 'collaborative_care')(dividend, divisor)) }}
{%- endmacro %}

{% macro default__rounded_quotient(dividend, divisor) -%}
    cast(
        (2 * cast({{ dividend }} as hugeint) + {{ divisor }}) // nullif(2 * {{ divisor }}, 0)
        as bigint
    )
{%- endmacro %}

{#- Twice a bigint is no bigint, and this engine would not say so. -#}
{% macro spark__rounded_quotient(dividend, divisor) -%}
    cast(
        (2 * cast({{ dividend }} as decimal(20, 0)) + {{ divisor }})
        div nullif(2 * cast({{ divisor }} as decimal(20, 0)), 0)
        as bigint
    )
{%- endmacro %}
