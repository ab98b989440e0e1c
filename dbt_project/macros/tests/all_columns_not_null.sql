{#- Fails for every row in which one of the named columns is null: one scan for all of them. -#}
{% test all_columns_not_null(model, columns) %}

select {{ columns | join(', ') }}
from {{ model }}
where {{ columns | join(' is null or ') }} is null

{% endtest %}
