-- forgotten/runs · grain: one row per run
select run, state, folder
from runs
order by run;
