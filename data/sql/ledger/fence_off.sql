-- ledger/fence_off · raise the fence of an expired lease without becoming its owner
update batches
set owner = null,
    fence = fence + 1
where run = :run
  and batch = :batch
returning fence;
