-- behaviour/put · what came of a run's message for one person; replies and clicks stay as they are
insert into behaviour (person_key, run, texted_at, delivered_at, failed_at)
values (:person_key, :run, :texted_at, :delivered_at, :failed_at)
on conflict (person_key, run) do update
set texted_at = excluded.texted_at,
    delivered_at = excluded.delivered_at,
    failed_at = excluded.failed_at
where behaviour.texted_at is distinct from excluded.texted_at
   or behaviour.delivered_at is distinct from excluded.delivered_at
   or behaviour.failed_at is distinct from excluded.failed_at;
