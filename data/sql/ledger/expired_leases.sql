-- ledger/expired_leases · grain: one row per batch whose holder is silent for longer than its lease
select run, batch
from batches
where owner is not null
  and (expires_at < :now or expires_at > :too_far)
order by run, batch;
