-- lake/hard_failures · DuckDB · grain: one row per person of $people: how many of their texts met a number that nobody has, since one came through
-- $files: messages; $runs and $kinds: each run's kind of gateway; $codes: 'kind code' of receipts that say so
with gateways as (
    select unnest($runs) as run, unnest($kinds) as kind
),
told as (
    select
        messages.person_key,
        coalesce(messages.receipt_at, messages.settled_at) as ended_at,
        coalesce(messages.receipt in ('delivered', 'read'), false) as has_come_through,
        coalesce(messages.status = 'rejected' and messages.error_kind = 'invalid_number', false)
            or coalesce(
                messages.receipt in ('undelivered', 'rejected', 'failed')
                and list_contains($codes, gateways.kind || ' ' || messages.receipt_code),
                false
            ) as is_hard
    from read_parquet($files) as messages
    join gateways on gateways.run = messages.run
    where list_contains($people, messages.person_key)
),
since as (
    select *, max(ended_at) filter (where has_come_through) over (partition by person_key) as came_through_at
    from told
)
select person_key, count(*) as n
from since
where is_hard
  and (came_through_at is null or ended_at > came_through_at)
group by person_key
order by person_key;
