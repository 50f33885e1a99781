-- segments/last_run · the latest run that began to send
select runs.run
from runs
where runs.started_at is not null
  and runs.is_simulated <= :simulated
order by runs.started_at desc, runs.run desc
limit 1
