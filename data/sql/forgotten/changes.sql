-- forgotten/changes · what was changed of them, with the values before and after
delete from contact_changes
where person_key in :person_keys;
