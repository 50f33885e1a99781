-- ledger/batch_source · where the messages of a batch lie, and what they are sent with
select
    runs.account,
    runs.folder,
    runs.validity_s
from batches
join runs on runs.run = batches.run
where batches.run = :run
  and batches.batch = :batch;
