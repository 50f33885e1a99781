-- behaviour/put · what came of a run's message for one person; replies and clicks stay as they are
-- A load may still hold somebody who was forgotten since it began: they are not written down again.
insert into behaviour (person_key, run, texted_at, delivered_at, failed_at)
select
    cast(:person_key as text),
    cast(:run as integer),
    cast(:texted_at as double precision),
    cast(:delivered_at as double precision),
    cast(:failed_at as double precision)
where not exists (
    select 1
    from suppressions
    where suppressions.person_key = :person_key
      and suppressions.reason = 'forgotten'
)
on conflict (person_key, run) do update
set texted_at = excluded.texted_at,
    delivered_at = excluded.delivered_at,
    failed_at = excluded.failed_at
where behaviour.texted_at is distinct from excluded.texted_at
   or behaviour.delivered_at is distinct from excluded.delivered_at
   or behaviour.failed_at is distinct from excluded.failed_at;
