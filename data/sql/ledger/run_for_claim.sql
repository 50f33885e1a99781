-- ledger/run_for_claim · may this run send, for which purpose, and at which pace
select
    runs.state,
    runs.account,
    runs.purpose,
    accounts.rate_mps,
    accounts.next_free_at,
    accounts.blocked_until
from runs
join accounts on accounts.account = runs.account
where runs.run = :run;
