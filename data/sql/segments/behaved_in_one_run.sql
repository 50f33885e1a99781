-- segments/behaved_in_one_run · {event}: a column of behaviour; {runs}: the run that counts
exists (
    select 1
    from behaviour
    where behaviour.person_key = contacts.person_key
      and behaviour.{event} >= :since
      and behaviour.run = ({runs})
)
