-- ledger/unknown_by_outcome · grain: one row per receipt without a message that names the gateway's id of one of this run
select
    receipts.receipt,
    receipts.gateway_message_id,
    receipts.part,
    receipts.status,
    receipts.code,
    receipts.done_at,
    receipts.received_at,
    outcomes.batch,
    outcomes.row
from outcomes
cross join receipts  -- in this order: the run is read once, and each id is looked for among the receipts
where outcomes.run = :run
  and outcomes.gateway_message_id <> ''
  and receipts.account = :account
  and receipts.gateway_message_id = outcomes.gateway_message_id
  and receipts.run is null
order by receipts.receipt;
