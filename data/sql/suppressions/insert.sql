-- suppressions/insert · somebody who is suppressed already stays as they were: the first reason and time are the true ones
insert into suppressions (person_key, scope, msisdn, reason, source, at)
values (:person_key, :scope, :msisdn, :reason, :source, :at)
on conflict (person_key, scope) do nothing;
