-- ledger/unknown_by_id · grain: one row per receipt without a message, among these gateway ids
select receipt, gateway_message_id, part, status, code, done_at, received_at
from receipts
where account = :account
  and gateway_message_id in :gateway_message_ids
  and run is null
order by receipt;
