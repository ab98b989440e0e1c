{#- Quotient of two integers, rounded half up to `scale` decimals and exact: no double on the way
    (DESIGN decision 9). Null when the divisor is 0. Both integers are 0 or more. -#}
{% macro exact_ratio(numerator, denominator, scale, multiplier=1) -%}
    cast(
        {{ integer_quotient(
            '2 * cast(' ~ numerator ~ ' as decimal(38, 0)) * ' ~ (multiplier * 10 ** scale)
            ~ ' + ' ~ denominator,
            'nullif(2 * cast(' ~ denominator ~ ' as decimal(38, 0)), 0)'
        ) }} as decimal(28, {{ scale }})
    ) * cast({{ '0.' ~ '0' * (scale - 1) ~ '1' }} as decimal({{ scale + 1 }}, {{ scale }}))
{%- endmacro %}

{#- Integer part of a quotient of two numbers of 0 or more. -#}
{% macro integer_quotient(numerator, denominator) -%}
    {{ return(adapter.dispatch('integer_quotient', 'collaborative_care')(numerator, denominator)) }}
{%- endmacro %}

{% macro default__integer_quotient(numerator, denominator) -%}
    (cast({{ numerator }} as hugeint) // cast({{ denominator }} as hugeint))
{%- endmacro %}

{% macro spark__integer_quotient(numerator, denominator) -%}
    (cast({{ numerator }} as bigint) div cast({{ denominator }} as bigint))
{%- endmacro %}
