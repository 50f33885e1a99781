-- ledger/doubt_claim · its holder is gone: whatever had no outcome is unconfirmed now
-- sent_until: when its right to send is over for certain, should it be alive after all
update claims
set state = 'doubt',
    send_before = :sent_until
where run = :run
  and batch = :batch
  and claim_no = :claim_no;
