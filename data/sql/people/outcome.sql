-- people/outcome · grain: the one row of a message that was attempted, stopped or reported on
select
    status, attempts, gateway_message_id, error_kind, error_code, decision, stop_reason, receipt, receipt_code,
    receipt_at, settled_at
from outcomes
where run = :run
  and batch = :batch
  and row = :row;
