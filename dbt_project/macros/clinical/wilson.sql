{#- Ends of the Wilson 95 % interval of a share (METHODS J.3): four decimals; null without a
    denominator. -#}
{% macro wilson_bound(numerator, denominator, side) -%}
    {%- set share = '(' ~ numerator ~ ' * 1.0e0 / ' ~ denominator ~ ')' -%}
    {%- set sign = '-' if side == 'lower' else '+' -%}
    {{ return(
        'case when ' ~ denominator ~ ' > 0 then cast((' ~ share ~ ' + 3.8414588e0 / (2 * '
        ~ denominator ~ ') ' ~ sign ~ ' 1.959964e0 * sqrt((' ~ share ~ ' * (1 - ' ~ share
        ~ ') + 3.8414588e0 / (4 * ' ~ denominator ~ ')) / ' ~ denominator
        ~ ')) / (1 + 3.8414588e0 / ' ~ denominator ~ ') as decimal(7, 4)) end'
    ) }}
{%- endmacro %}
