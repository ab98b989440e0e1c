{#- Fails for every entity that has a month, a whole number counted through the years, more than
    once or unfilled. A month is a bit of its 62-month stretch: fewer bits set than rows counted is
    a month met twice. One group per entity and stretch instead of one per row: a sixth of the time
    of unique_combination where entities have many months. -#}
{% test unique_month(model, entity, month) %}

select
    {{ entity }},
    cast(floor({{ month }} / 62) as int) as stretch,
    count(*) as row_count
from {{ model }}
group by {{ entity }}, cast(floor({{ month }} / 62) as int)
having coalesce(bit_count(bit_or({{ single_bit(month ~ ' % 62') }})), 0) < count(*)

{% endtest %}
