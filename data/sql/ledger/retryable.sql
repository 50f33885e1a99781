-- ledger/retryable · grain: one row per unsent message that may be claimed now
-- An attempt counts under the fence it was made with, so a new task run has new ones. retry_at null under our own
-- fence: another attempt would meet the same answer. Further ahead than any back-off: the clock was set back.
select row
from outcomes
where run = :run
  and batch = :batch
  and status = 3
  and (attempts_fence <> :fence or (retry_at is not null and attempts < :max_attempts))
  and (retry_at is null or retry_at <= :now or retry_at > :too_far)
order by row
limit :most;
