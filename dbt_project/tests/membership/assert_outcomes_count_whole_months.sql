-- Exposures count whole member months: a program whose terms say member_month_rule prorate would
-- have its parts of months counted as months. Its outcomes are refused until they are weighed.
select program_id
from {{ ref('stg_ledger__program_terms') }}
where member_month_rule = 'prorate'
