-- ledger/holder · who holds a batch's lease, or held it last, and until when
select owner, fence, expires_at
from batches
where run = :run
  and batch = :batch;
