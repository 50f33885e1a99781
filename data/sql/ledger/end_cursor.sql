-- ledger/end_cursor · no first attempt is left in this batch
update batches
set next_row = n_messages
where run = :run
  and batch = :batch;
