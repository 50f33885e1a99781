-- ledger/has_unknown_receipts · one row when some receipt was never matched to a message; nearly always there is none
select 1
from receipts
where run is null
limit 1;
