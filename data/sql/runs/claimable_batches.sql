-- runs/claimable_batches · grain: one row per batch of a run whose window is open and that has a message to claim
select batch
from batches
where run = :run
  and (not_before is null or not_before <= :now)
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
