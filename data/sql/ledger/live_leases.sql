-- ledger/live_leases · how many batches of a run somebody works on at this moment
select count(*)
from batches
where run = :run
  and owner is not null
  and expires_at >= :now;
