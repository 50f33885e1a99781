-- segments/last_run_of_campaign · the latest run of a campaign that began to send
select runs.run
from runs
where runs.campaign = :campaign
  and runs.started_at is not null
  and runs.is_simulated <= :simulated
order by runs.started_at desc, runs.run desc
limit 1
