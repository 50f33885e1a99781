-- runs/give_way · this run's plan was frozen as another run already
update runs
set same_plan_as = :earlier
where run = :run;
