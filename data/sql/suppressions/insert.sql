-- suppressions/insert · somebody who is suppressed already stays as they were: the first reason and time are the true ones
-- Only the row that the caller looked at gives way, and only where they say so; :known_… null: none does.
insert into suppressions (person_key, scope, msisdn, reason, source, at)
values (:person_key, :scope, :msisdn, :reason, :source, :at)
on conflict (person_key, scope) do update
set reason = excluded.reason,
    source = excluded.source,
    at = excluded.at
where suppressions.reason = cast(:known_reason as text)
  and suppressions.source = cast(:known_source as text);
