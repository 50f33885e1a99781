-- forgotten/members · the lists and tags that they were in
delete from list_members
where contact in (select contact from contacts where person_key in :person_keys);
