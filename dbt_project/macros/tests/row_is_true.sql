{#- Fails for every row of the model where the condition is not true; null counts as failure. -#}
{% test row_is_true(model, condition) %}

select *
from {{ model }}
where not coalesce({{ condition }}, false)

{% endtest %}
