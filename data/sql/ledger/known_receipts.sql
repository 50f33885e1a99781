-- ledger/known_receipts · grain: one row per receipt that was stored before, among these gateway ids
select gateway_message_id, reference, part, status
from receipts
where account = :account
  and gateway_message_id in :gateway_message_ids;
