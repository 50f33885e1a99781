-- ledger/renew · the lease goes on under our fence · no row: the fence is stale
update batches
set expires_at = :expires_at
where run = :run
  and batch = :batch
  and owner = :owner
  and fence = :fence
returning n_messages, next_row, n_claims, not_before, not_after;
