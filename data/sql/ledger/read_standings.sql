-- ledger/read_standings · grain: one row per message of the span that has an outcome
select
    row, claim_no, status, attempts, attempts_fence, retry_at, gateway_message_id, error_kind, error_code,
    decision, stop_reason, receipt, receipt_code, receipt_at, settled_at
from outcomes
where run = :run
  and batch = :batch
  and row >= :first_row
  and row < :last_row
order by row;
