-- segments/every_run_of_campaign · the runs that count
select runs.run
from runs
where runs.campaign = :campaign
  and runs.is_simulated <= :simulated
