-- Rows said to be rejected and rows told with a reason are the same number, delivery by delivery.

select
    deliveries.delivery_id,
    max(deliveries.rejected_count) as rejected_count,
    count(distinct rejects.row_number) as explained_count
from {{ ref('fct_delivery') }} as deliveries
left join {{ ref('fct_reject') }} as rejects on deliveries.delivery_id = rejects.delivery_id
group by deliveries.delivery_id
having max(deliveries.rejected_count) <> count(distinct rejects.row_number)
