-- ledger/block_account · the gateway asked us to wait; holds for every process
update accounts
set blocked_until = :blocked_until
where account = :account
  and (blocked_until < :blocked_until or blocked_until > :too_far);
