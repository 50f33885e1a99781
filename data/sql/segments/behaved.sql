-- segments/behaved · {event}: a column of behaviour; {runs}: which runs count
-- For each contact by itself, so the conditions that are cheaper leave it few of them; the plus keeps the runs, which
-- may be many, from being looked up one by one.
exists (
    select 1
    from behaviour
    where behaviour.person_key = contacts.person_key
      and behaviour.{event} >= :since
      and +behaviour.run in ({runs})
)
