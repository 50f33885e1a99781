-- ledger/waiting_receipts · grain: one row per receipt stored for the messages of a span, in the order they came
select row, gateway_message_id, part, status, code, done_at, received_at
from receipts
where run = :run
  and batch = :batch
  and row >= :first_row
  and row < :last_row
order by receipt;
