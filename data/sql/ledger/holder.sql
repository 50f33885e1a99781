-- ledger/lease_expiry · when the present holder's lease ends
select expires_at
from batches
where run = :run
  and batch = :batch;
