-- runs/overdue_plans · grain: one row per run that has been in planning since :before
select run
from runs
where state = 'planning'
  and state_at <= :before
order by run;
