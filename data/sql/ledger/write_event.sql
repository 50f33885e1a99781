-- ledger/write_event · one event, in the transaction of what it tells
insert into events (run, batch, kind, claim_no, at, payload)
values (:run, :batch, :kind, :claim_no, :at, :payload);
