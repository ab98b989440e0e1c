-- claim_key is a hash. Two claims that shared one would melt into one visit or one stay.

select {{ pair_key('payer', 'claim_id') }} as claim_key
from {{ ref('stg_ledger__medical_claim_line') }}
group by {{ pair_key('payer', 'claim_id') }}
having min({{ pair_key('claim_id', 'payer') }}) <> max({{ pair_key('claim_id', 'payer') }})
