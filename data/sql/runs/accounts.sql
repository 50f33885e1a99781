-- runs/accounts · grain: one row per gateway account that something was frozen for · :run null: of all runs
select distinct account
from runs
where frozen_at is not null
  and (cast(:run as integer) is null or run = :run)
order by account;
