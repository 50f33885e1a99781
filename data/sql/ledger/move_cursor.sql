-- ledger/move_cursor · how far a batch's first attempts have come, and how many claims were made
update batches
set next_row = :next_row,
    n_claims = :n_claims
where run = :run
  and batch = :batch;
