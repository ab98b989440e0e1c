-- METHODS D.1: every measure for every member it concerns. Each measure is a file of its own; families
-- of them are built apart, as engines plan many small queries sooner than one of all measures. A view:
-- the rows are stored once.

{{ config(materialized=light_materialization()) }}

with

results as (
    {% for family in ['screening', 'heart', 'lungs', 'children', 'prevention', 'follow_up'] %}
    select * from {{ ref('int_measure_result_' ~ family) }}
    {%- if not loop.last %}
    union all
    {%- endif %}
    {%- endfor %}

)

select * from results
