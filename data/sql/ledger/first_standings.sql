-- ledger/first_standings · first outcomes that differ in row and gateway id only · a row that has one by now is not written
-- :gateway_ids: JSON object, row → the gateway's id or null
insert into outcomes (
    run, batch, row, claim_no, status, attempts, attempts_fence, retry_at, error_kind, error_code,
    decision, stop_reason, receipt, receipt_code, receipt_at, settled_at, gateway_message_id
)
select
    :run, :batch, cast(key as integer), :claim_no, :status, :attempts, :attempts_fence, :retry_at, :error_kind,
    :error_code, :decision, :stop_reason, :receipt, :receipt_code, :receipt_at, :settled_at,
    value
from json_each(:gateway_ids)
where true
on conflict (run, batch, row) do nothing;
