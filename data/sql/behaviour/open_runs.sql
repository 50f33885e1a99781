-- behaviour/open_runs · grain: one row per run that is frozen and not over: it texts people of whom behaviour does not know yet
select run
from runs
where is_simulated <= :simulated
  and state in ('awaiting_approval', 'scheduled', 'held', 'sending', 'paused', 'stopped')
order by run;
