-- ledger/unknown_by_reference · grain: one row per receipt of an account without a message that has a reference, a page
select receipt, gateway_message_id, reference, part, status, code, done_at, received_at
from receipts
where account = :account
  and run is null
  and reference <> ''
  and receipt > :after
order by receipt
limit :most;
