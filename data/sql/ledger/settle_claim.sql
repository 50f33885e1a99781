-- ledger/settle_claim · so many more of its messages have their outcome; the last one closes it
update claims
set n_settled = n_settled + :n,
    state = case when state = 'open' and n_settled + :n >= claims.n then 'settled' else state end
where run = :run
  and batch = :batch
  and claim_no = :claim_no;
