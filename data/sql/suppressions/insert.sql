-- suppressions/insert · somebody who is suppressed already stays as they were: the first reason and time are the true ones
-- Only what a yes could take back gives way to a reason that no yes takes back.
insert into suppressions (person_key, scope, msisdn, reason, source, at)
values (:person_key, :scope, :msisdn, :reason, :source, :at)
on conflict (person_key, scope) do update
set reason = excluded.reason,
    source = excluded.source,
    at = excluded.at
where suppressions.reason = 'consent withdrawn'
  and excluded.reason <> 'consent withdrawn';
