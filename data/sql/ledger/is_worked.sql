-- ledger/is_worked · a row: somebody holds the batch, or left a claim of it open
select 1
from batches
where run = :run
  and batch = :batch
  and (
      owner is not null
      or exists (
          select 1
          from claims
          where claims.run = batches.run
            and claims.batch = batches.batch
            and claims.state = 'open'
      )
  );
