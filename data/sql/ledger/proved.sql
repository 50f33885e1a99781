-- ledger/proved · grain: one row per message of a run that has a receipt and is neither accepted nor in flight
select distinct
    outcomes.batch,
    outcomes.row
from outcomes
join receipts
    on receipts.run = outcomes.run
    and receipts.batch = outcomes.batch
    and receipts.row = outcomes.row
where outcomes.run = :run
  and outcomes.status not in (1, 6)
order by outcomes.batch, outcomes.row;
