-- ledger/run_for_claim · may this run send, and at which pace
select
    runs.state,
    runs.account,
    accounts.rate_mps,
    accounts.next_free_at,
    accounts.blocked_until
from runs
join accounts on accounts.account = runs.account
where runs.run = :run;
