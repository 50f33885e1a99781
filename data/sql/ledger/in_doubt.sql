-- ledger/in_doubt · grain: one row per unconfirmed message of a run
-- last_sent_at: nothing of it can have left later; null: nobody knows. A message that was put in doubt by a restore
-- may have been sent at any time before that, so the later of the two counts.
select
    outcomes.batch,
    outcomes.row,
    outcomes.claim_no,
    case when outcomes.decision = 'assumed sent' then 1 else 0 end as is_assumed_sent,
    claims.account,
    case
        when claims.send_before is null or claims.send_before < outcomes.settled_at then outcomes.settled_at
        else claims.send_before
    end as last_sent_at
from outcomes
left join claims
    on claims.run = outcomes.run
    and claims.batch = outcomes.batch
    and claims.claim_no = outcomes.claim_no
where outcomes.run = :run
  and outcomes.status = 4
order by outcomes.batch, outcomes.row;
