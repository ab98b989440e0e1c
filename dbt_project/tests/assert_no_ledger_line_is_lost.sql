-- METHODS A.1: every ledger line is final or says why not. Medical and pharmacy claims alike.

select *
from {{ ref('int_claim_line_reconciled') }}
where line_count <> final_count + superseded_count + duplicate_count + netted_count + orphan_count
