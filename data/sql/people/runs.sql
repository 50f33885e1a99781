-- people/runs · grain: one row per run
select run, campaign, purpose, state, created_at, started_at, finished_at, folder
from runs
order by run;
