-- METHODS B.6 lets a retained member resist a challenger (switch_margin, incumbent_wins_tie) or
-- stay without visits (grace_months). Months are attributed independently here, so terms other
-- than 0, false, 0 would be ignored in silence: they are refused instead.
select
    program_id,
    switch_margin,
    incumbent_wins_tie,
    grace_months
from {{ ref('stg_ledger__program_terms') }}
where switch_margin <> 0 or incumbent_wins_tie or grace_months <> 0
