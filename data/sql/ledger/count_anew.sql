-- ledger/count_anew · claims that nobody holds any more, and whose end lies further ahead than any claim may reach
update claims
set send_before = :sent_until
where run = :run
  and send_before > :too_far
  and state <> 'open';
