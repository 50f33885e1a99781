-- ledger/reserve_pace · the account is taken until then
update accounts
set next_free_at = :next_free_at
where account = :account;
