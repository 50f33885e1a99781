-- runs/is_simulated · grain: one row: whether a run goes to a simulator, whose word holds for nobody else
select is_simulated
from runs
where run = :run;
