{#- Fails for every value that more than one row carries, and for null: what `unique` and `not_null`
    ask together, in one check. -#}
{% test unique_and_filled(model, column_name) %}

select
    {{ column_name }},
    count(*) as row_count
from {{ model }}
group by {{ column_name }}
having count(*) > 1 or {{ column_name }} is null

{% endtest %}
