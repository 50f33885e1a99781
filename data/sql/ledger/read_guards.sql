-- ledger/read_guards · which failures stop a run, and how its latest messages went
select state, guards, recent
from runs
where run = :run;
