-- ledger/write_standing · compare-and-set of one message: inserted when it had no outcome (was_status -1), else changed
-- only while it still stands as the caller read it
insert into outcomes (
    run, batch, row, claim_no, status, attempts, attempts_fence, retry_at, gateway_message_id, error_kind, error_code,
    decision, stop_reason, receipt, receipt_code, receipt_at, settled_at
)
values (
    :run, :batch, :row, :claim_no, :status, :attempts, :attempts_fence, :retry_at, :gateway_message_id, :error_kind,
    :error_code, :decision, :stop_reason, :receipt, :receipt_code, :receipt_at, :settled_at
)
on conflict (run, batch, row) do update
set claim_no = excluded.claim_no,
    status = excluded.status,
    attempts = excluded.attempts,
    attempts_fence = excluded.attempts_fence,
    retry_at = excluded.retry_at,
    gateway_message_id = excluded.gateway_message_id,
    error_kind = excluded.error_kind,
    error_code = excluded.error_code,
    decision = excluded.decision,
    stop_reason = excluded.stop_reason,
    receipt = excluded.receipt,
    receipt_code = excluded.receipt_code,
    receipt_at = excluded.receipt_at,
    settled_at = excluded.settled_at
where outcomes.status = :was_status
  and coalesce(outcomes.claim_no, -1) = :was_claim_no;
