{#- Fails when the model has no row: a check on nothing is not a pass. -#}
{% test not_empty(model) %}

select row_count
from (select count(*) as row_count from {{ model }}) as counted
where row_count = 0

{% endtest %}
