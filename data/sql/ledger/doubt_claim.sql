-- ledger/doubt_claim · its holder is gone: whatever had no outcome is unconfirmed now
update claims
set state = 'doubt'
where run = :run
  and batch = :batch
  and claim_no = :claim_no;
