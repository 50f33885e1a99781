-- ledger/tally · grain: one row per status and reason of one batch; status 0: not claimed yet, 6: in flight
with standing as (
    select
        outcomes.status,
        coalesce(outcomes.stop_reason, outcomes.error_kind, '') as reason,
        case when outcomes.row >= batches.next_row then 1 else 0 end as is_beyond,
        count(*) as n
    from outcomes
    join batches on batches.run = outcomes.run and batches.batch = outcomes.batch
    where outcomes.run = :run
      and outcomes.batch = :batch
    group by 1, 2, 3
)
select status, reason, sum(n) as n
from standing
where status <> 6
group by status, reason
union all
select 6, '', coalesce(sum(n - n_settled), 0)
from claims
where run = :run
  and batch = :batch
  and state = 'open'
union all
select 0, '', n_messages - next_row - coalesce((select sum(n) from standing where is_beyond = 1), 0)
from batches
where run = :run
  and batch = :batch
order by 1, 2;
