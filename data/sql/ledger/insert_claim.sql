-- ledger/insert_claim · what is about to be submitted, written before the first byte leaves
insert into claims (
    run, batch, claim_no, kind, is_bulk, account, fence, first_row, last_row, rows, n,
    request_key, slot_at, step_s, send_before, state, claimed_at
)
values (
    :run, :batch, :claim_no, :kind, :is_bulk, :account, :fence, :first_row, :last_row, :rows, :n,
    :request_key, :slot_at, :step_s, :send_before, 'open', :claimed_at
);
