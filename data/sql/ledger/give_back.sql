-- ledger/give_back · the lease of a holder that ends with nothing unsettled
update batches
set owner = null
where run = :run
  and batch = :batch
  and owner = :owner
  and fence = :fence
  and not exists (
      select 1
      from claims
      where claims.run = batches.run
        and claims.batch = batches.batch
        and claims.state = 'open'
  );
