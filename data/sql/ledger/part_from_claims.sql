-- ledger/part_from_claims · after a restore: what is in doubt may have been sent since under another claim, so the one that
-- this store knows tells neither when nor with which request
update outcomes
set claim_no = null,
    settled_at = :now
where status = 4
  and coalesce(decision, '') <> 'assumed sent';
