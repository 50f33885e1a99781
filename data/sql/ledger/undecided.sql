-- ledger/undecided · grain: one row per unconfirmed message of a run that nobody has decided on
-- sent_until: the instant until which the claim that left it in doubt may still be sent; null: it had none
select
    outcomes.batch,
    outcomes.row,
    claims.send_before as sent_until
from outcomes
left join claims
    on claims.run = outcomes.run
    and claims.batch = outcomes.batch
    and claims.claim_no = outcomes.claim_no
where outcomes.run = :run
  and outcomes.status = 4
  and (outcomes.decision is null or outcomes.decision <> 'assumed sent')
order by outcomes.batch, outcomes.row;
