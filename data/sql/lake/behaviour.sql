-- lake/behaviour · DuckDB · grain: one row per person of a run for whom two of its messages files say another thing, by key
-- $newer, $older: the files. A message in doubt counts as a text: nobody shall get two because of it. A receipt that came
-- while its message was in flight waits for the outcome, as in the ledger. All null: what the older file said is so no more.
with told as (
    select true as is_newer, person_key, status, accepted_at, settled_at, receipt, receipt_at
    from read_parquet($newer)
    union all
    select false, person_key, status, accepted_at, settled_at, receipt, receipt_at
    from read_parquet($older)
),
people as (
    select
        is_newer,
        person_key,
        max(epoch(coalesce(accepted_at, settled_at))) as texted_at,
        max(epoch(receipt_at)) filter (where receipt in ('delivered', 'read')) as delivered_at,
        max(epoch(receipt_at)) filter (
            where receipt in ('undelivered', 'expired', 'rejected', 'failed', 'canceled')
        ) as failed_at
    from told
    where person_key is not null and status in ('accepted', 'unconfirmed')
    group by is_newer, person_key
    having coalesce(texted_at, delivered_at, failed_at) is not null
)
select coalesce(newer.person_key, older.person_key) as person_key, newer.texted_at, newer.delivered_at, newer.failed_at
from (select * from people where is_newer) as newer
full join (select * from people where not is_newer) as older on older.person_key = newer.person_key
where newer.texted_at is distinct from older.texted_at
   or newer.delivered_at is distinct from older.delivered_at
   or newer.failed_at is distinct from older.failed_at
order by person_key;
