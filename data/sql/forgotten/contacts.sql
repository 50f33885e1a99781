-- forgotten/contacts · the people themselves
delete from contacts
where person_key in :person_keys;
