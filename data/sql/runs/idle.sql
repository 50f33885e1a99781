-- runs/idle · grain: one row per sending run that nobody has worked on since :before, and since when nobody has
-- An expiry beyond :too_far was written before a clock was set back: it says nothing.
with sending as (
    select
        run,
        state_at,
        coalesce(
            (
                select max(expires_at)
                from batches
                where batches.run = runs.run
                  and expires_at <= :too_far
            ),
            0
        ) as expired_at
    from runs
    where state = 'sending'
)
select
    run,
    case when expired_at > state_at then expired_at else state_at end as since
from sending
where state_at <= :before
  and expired_at <= :before
order by run;
