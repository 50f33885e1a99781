-- forgotten/behaviour · what came of their messages
delete from behaviour
where person_key in :person_keys;
