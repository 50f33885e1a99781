-- ledger/next_retry · when the first unsent message with attempts left may be claimed; null: none is left
select min(retry_at)
from outcomes
where run = :run
  and batch = :batch
  and status = 3
  and retry_at > :now
  and (attempts_fence <> :fence or attempts < :max_attempts);
