-- ledger/count_unconfirmed · grain: one row
select count(*)
from outcomes
where status = 4;
