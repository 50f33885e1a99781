-- behaviour/set_replied · when the person last replied to what this run sent
update behaviour
set replied_at = :replied_at
where person_key = :person_key
  and run = :run;
