-- behaviour/texts · grain: one row per person and run that texted one of the people
select behaviour.person_key, behaviour.run, runs.account, behaviour.texted_at, behaviour.replied_at
from behaviour
join runs on runs.run = behaviour.run
where behaviour.person_key in :person_keys
  and (behaviour.texted_at is not null or behaviour.replied_at is not null);
