-- ledger/batches_of_run · grain: one row per batch of a run, with its number of messages
select batch, n_messages
from batches
where run = :run
order by batch;
