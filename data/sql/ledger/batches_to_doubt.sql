-- ledger/batches_to_doubt · grain: one row per batch with a message that may be sent after this instant, or is on its way
select
    batches.run,
    batches.batch,
    batches.next_row,
    batches.n_messages,
    batches.fence
from batches
where batches.next_row < batches.n_messages
   or exists (
       select 1
       from claims
       where claims.run = batches.run
         and claims.batch = batches.batch
         and claims.state = 'open'
   )
   or exists (
       select 1
       from outcomes
       where outcomes.run = batches.run
         and outcomes.batch = batches.batch
         and outcomes.status in (3, 6)
   )
order by batches.run, batches.batch;
