-- reports/reasons · grain: one row per outcome status and reason of one run, for messages that were not accepted
select
    status,
    coalesce(stop_reason, error_kind, '') as reason,
    count(*) as n
from outcomes
where run = :run
  and status in (2, 3, 4, 5)
group by 1, 2
order by 1, 3 desc, 2;
