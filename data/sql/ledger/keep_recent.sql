-- ledger/keep_recent · how the latest messages of a run went; null: none of them failed
update runs
set recent = :recent
where run = :run;
