-- forgotten/unname_event · that somebody replied stays, not who
update events
set payload = :payload
where event = :event;
