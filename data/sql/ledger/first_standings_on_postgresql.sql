-- ledger/first_standings_on_postgresql · as first_standings: other name of the JSON function, and parameters need a type
insert into outcomes (
    run, batch, row, claim_no, status, attempts, attempts_fence, retry_at, error_kind, error_code,
    decision, stop_reason, receipt, receipt_code, receipt_at, settled_at, gateway_message_id
)
select
    :run, :batch, cast(key as integer), cast(:claim_no as integer), cast(:status as smallint), cast(:attempts as smallint),
    cast(:attempts_fence as integer), cast(:retry_at as double precision), cast(:error_kind as text),
    cast(:error_code as text), cast(:decision as text), cast(:stop_reason as text), cast(:receipt as smallint),
    cast(:receipt_code as text), cast(:receipt_at as double precision), cast(:settled_at as double precision),
    value
from json_each_text(cast(:gateway_ids as json))
where true
on conflict (run, batch, row) do nothing;
