-- ledger/take · compare-and-set on a batch's lease: free, expired, ours already, of a clock that was set back, or of a
-- process that is provably dead · no row: somebody else has it
update batches
set owner = :owner,
    fence = fence + 1,
    expires_at = :expires_at
where run = :run
  and batch = :batch
  and (owner is null or owner = :owner or expires_at < :now or expires_at > :too_far or fence = cast(:dead_fence as integer))
returning fence, n_claims;
