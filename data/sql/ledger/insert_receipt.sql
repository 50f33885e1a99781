-- ledger/insert_receipt · one receipt as it was read; the same one twice is one
insert into receipts (
    account, gateway_message_id, reference, part, status, code, done_at, received_at, run, batch, row
)
values (
    :account, :gateway_message_id, :reference, :part, :status, :code, :done_at, :received_at, :run, :batch, :row
)
on conflict (account, gateway_message_id, reference, part, status) do nothing;
