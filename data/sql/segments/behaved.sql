-- segments/behaved · {event}: a column of behaviour; {runs}: which runs count
contacts.person_key in (
    select behaviour.person_key
    from behaviour
    where behaviour.{event} >= :since
      and behaviour.run in ({runs})
)
