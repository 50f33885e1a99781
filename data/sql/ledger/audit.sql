-- ledger/audit · grain: one row per term of the equations of one run, all of one snapshot
-- One statement on purpose: several ones see several states, and show differences that never were.
-- :now null: nobody asks whether a receipt may still come.
with standing as (
    select
        outcomes.status,
        outcomes.receipt,
        outcomes.decision,
        case when outcomes.row >= batches.next_row then 1 else 0 end as is_beyond,
        case when outcomes.settled_at + runs.validity_s <= cast(:now as double precision) then 1 else 0 end as is_over,
        count(*) as n
    from outcomes
    join batches on batches.run = outcomes.run and batches.batch = outcomes.batch
    join runs on runs.run = outcomes.run
    where outcomes.run = :run
    group by 1, 2, 3, 4, 5
),
accepted as (
    select receipt, is_over, sum(n) as n
    from standing
    where status = 1
    group by 1, 2
)
select 'source_rows' as term, n_source_rows as n from runs where run = :run
union all select 'rejects', n_rejects from runs where run = :run
union all select 'contacts', n_contacts from runs where run = :run
union all select 'excluded', n_excluded from runs where run = :run
union all select 'audience', n_audience from runs where run = :run
union all select 'holdout', n_holdout from runs where run = :run
union all select 'messages', n_messages from runs where run = :run
union all select 'in_batches', coalesce(sum(n_messages), 0) from batches where run = :run
union all select 'accepted', coalesce(sum(n), 0) from standing where status = 1
union all select 'rejected', coalesce(sum(n), 0) from standing where status = 2
union all select 'unsent', coalesce(sum(n), 0) from standing where status = 3
union all select 'unconfirmed', coalesce(sum(n), 0) from standing where status = 4
union all select 'assumed_sent', coalesce(sum(n), 0) from standing where status = 4 and decision = 'assumed sent'
union all select 'stopped', coalesce(sum(n), 0) from standing where status = 5
union all select 'in_flight', coalesce(sum(n - n_settled), 0) from claims where run = :run and state = 'open'
union all select
    'not_yet_claimed',
    coalesce(sum(n_messages - next_row), 0) - coalesce((select sum(n) from standing where is_beyond = 1), 0)
from batches
where run = :run
union all select 'possible_duplicates', count(*) from possible_duplicates where run = :run
union all select 'undelivered', coalesce(sum(n), 0) from accepted where receipt = 10
union all select 'expired', coalesce(sum(n), 0) from accepted where receipt = 11
union all select 'rejected_later', coalesce(sum(n), 0) from accepted where receipt = 12
union all select 'failed', coalesce(sum(n), 0) from accepted where receipt = 13
union all select 'canceled', coalesce(sum(n), 0) from accepted where receipt = 14
union all select 'delivered', coalesce(sum(n), 0) from accepted where receipt = 20
union all select 'read', coalesce(sum(n), 0) from accepted where receipt = 21
union all select 'waiting', coalesce(sum(n), 0) from accepted where coalesce(receipt, 0) < 10 and is_over = 0
union all select 'no_receipt', coalesce(sum(n), 0) from accepted where coalesce(receipt, 0) < 10 and is_over = 1;
