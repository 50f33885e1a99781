-- ledger/change_standing · compare-and-set of one message: only while it still stands as the caller read it
update outcomes
set claim_no = :claim_no,
    status = :status,
    attempts = :attempts,
    attempts_fence = :attempts_fence,
    retry_at = :retry_at,
    gateway_message_id = :gateway_message_id,
    error_kind = :error_kind,
    error_code = :error_code,
    decision = :decision,
    stop_reason = :stop_reason,
    receipt = :receipt,
    receipt_code = :receipt_code,
    receipt_at = :receipt_at,
    settled_at = :settled_at
where run = :run
  and batch = :batch
  and row = :row
  and status = :was_status
  and coalesce(claim_no, -1) = :was_claim_no;
