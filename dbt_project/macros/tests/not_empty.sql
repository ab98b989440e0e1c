{#- Fails when the model has no row: a check on nothing is not a pass. One row is enough to know, so
    a view is not spelt out. -#}
{% test not_empty(model) %}

select row_count
from (
    select count(*) as row_count
    from (select 1 as found from {{ model }} limit 1) as first_row
) as counted
where row_count = 0

{% endtest %}
