-- ledger/batch_extent · how many messages a batch has, and how far its first attempts have come
select n_messages, next_row
from batches
where run = :run
  and batch = :batch;
