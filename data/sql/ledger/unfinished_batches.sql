-- ledger/unfinished_batches · grain: one row per batch with a message that was never claimed, or came back unsent
select batch
from batches
where run = :run
  and (
      next_row < n_messages
      or exists (
          select 1
          from outcomes
          where outcomes.run = batches.run
            and outcomes.batch = batches.batch
            and outcomes.status = 3
      )
  )
order by batch;
