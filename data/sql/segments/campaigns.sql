-- segments/campaigns · grain: one row per campaign that has a run
select distinct campaign
from runs
order by campaign;
