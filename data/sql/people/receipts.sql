-- people/receipts · grain: one row per receipt of a message
select gateway_message_id, part, status, code, done_at, received_at
from receipts
where run = :run
  and batch = :batch
  and row = :row
order by receipt;
