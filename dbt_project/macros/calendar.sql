{#- Calendar arithmetic that the engines spell differently. Every result is a date or a bigint;
    nothing here reads a clock. -#}

{#- The date so many days later; `days` is an integer expression. -#}
{% macro date_plus_days(date_expression, days) -%}
    {{ return(adapter.dispatch('date_plus_days', 'collaborative_care')(date_expression, days)) }}
{%- endmacro %}

{% macro default__date_plus_days(date_expression, days) -%}
    cast({{ date_expression }} + cast({{ days }} as int) as date)
{%- endmacro %}

{% macro spark__date_plus_days(date_expression, days) -%}
    date_add({{ date_expression }}, cast({{ days }} as int))
{%- endmacro %}

{#- The date so many months later, clamped to the last valid day (METHODS 0.2, rule 4). -#}
{% macro date_plus_months(date_expression, months) -%}
    {%- set plus = adapter.dispatch('date_plus_months', 'collaborative_care') -%}
    {{ return(plus(date_expression, months)) }}
{%- endmacro %}

{% macro default__date_plus_months(date_expression, months) -%}
    cast({{ date_expression }} + cast({{ months }} as int) * interval 1 month as date)
{%- endmacro %}

{% macro spark__date_plus_months(date_expression, months) -%}
    add_months({{ date_expression }}, cast({{ months }} as int))
{%- endmacro %}

{#- Whole days from the first date to the second: `days(a, b) = b - a` (METHODS 0.2, rule 1). -#}
{% macro whole_days_between(first_date, second_date) -%}
    {%- set between = adapter.dispatch('whole_days_between', 'collaborative_care') -%}
    {{ return(between(first_date, second_date)) }}
{%- endmacro %}

{% macro default__whole_days_between(first_date, second_date) -%}
    cast(date_diff('day', {{ first_date }}, {{ second_date }}) as bigint)
{%- endmacro %}

{% macro spark__whole_days_between(first_date, second_date) -%}
    cast(datediff({{ second_date }}, {{ first_date }}) as bigint)
{%- endmacro %}

{#- Months since year 0: consecutive months are consecutive integers. -#}
{% macro month_number(date_expression) -%}
    cast(year({{ date_expression }}) * 12 + month({{ date_expression }}) - 1 as int)
{%- endmacro %}

{% macro first_of_month(date_expression) -%}
    cast(date_trunc('month', {{ date_expression }}) as date)
{%- endmacro %}

{% macro end_of_month(date_expression) -%}
    cast(last_day({{ date_expression }}) as date)
{%- endmacro %}

{#- First day of a look-back that ends on the given day: [D - n months + 1 day, D] (METHODS B.3). -#}
{% macro lookback_start(date_expression, months) -%}
    {{ date_plus_days(date_plus_months(date_expression, '-(' ~ months ~ ')'), 1) }}
{%- endmacro %}

{#- Age in completed years; a birthday on 29 February counts as reached on 1 March in years that
    have none (METHODS 0.2, rule 3). -#}
{% macro completed_years(birth_date, on_date) -%}
    cast(
        year({{ on_date }}) - year({{ birth_date }})
        - case
            when
                month({{ on_date }}) * 100 + day({{ on_date }})
                < month({{ birth_date }}) * 100 + day({{ birth_date }})
                then 1
            else 0
        end as int
    )
{%- endmacro %}

{#- Numbers 0 to 999 as rows of one column `number`: a spine both engines can build. -#}
{% macro numbers_below_1000() -%}
    select cast(hundreds.digit * 100 + tens.digit * 10 + ones.digit as int) as number
    from {{ digits() }} as hundreds
    cross join {{ digits() }} as tens
    cross join {{ digits() }} as ones
{%- endmacro %}

{% macro digits() -%}
    (
        select 0 as digit
        {%- for digit in range(1, 10) %}
        union all select {{ digit }}
        {%- endfor %}
    )
{%- endmacro %}

{#- The number with which an engine's arrays begin. -#}
{% macro first_index() -%}
    {{ return(adapter.dispatch('first_index', 'collaborative_care')()) }}
{%- endmacro %}

{% macro default__first_index() -%}
    1
{%- endmacro %}

{% macro spark__first_index() -%}
    0
{%- endmacro %}
