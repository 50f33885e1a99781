-- runs/with_leftovers · grain: one row per run cancelled since :since with a message that came back unsent afterwards
select run
from runs
where state = 'cancelled'
  and state_at >= :since
  and exists (
      select 1
      from outcomes
      where outcomes.run = runs.run
        and outcomes.status = 3
  )
order by run;
