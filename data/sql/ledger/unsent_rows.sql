-- ledger/unsent_rows · grain: one row per unsent message of a batch
select row
from outcomes
where run = :run
  and batch = :batch
  and status = 3
order by row;
