-- ledger/pace_of_account · how fast an account may send, and from when on
select rate_mps, next_free_at, blocked_until
from accounts
where account = :account;
