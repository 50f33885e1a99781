-- replies/suppress · a person who wrote STOP, everywhere; somebody who was suppressed before stays as they were
insert into suppressions (person_key, scope, msisdn, reason, source, at)
values (:person_key, '', :msisdn, :reason, :source, :at)
on conflict (person_key, scope) do nothing
returning person_key;
