-- ledger/read_claim · one claim by its number
select
    run, batch, claim_no, kind, is_bulk, account, fence, first_row, last_row, rows, n, n_settled,
    request_key, slot_at, step_s, send_before, state, claimed_at
from claims
where run = :run
  and batch = :batch
  and claim_no = :claim_no;
