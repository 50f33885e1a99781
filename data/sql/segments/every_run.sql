-- segments/every_run · the runs that count
select runs.run
from runs
where runs.is_simulated <= :simulated
