-- contacts/write_change · one line of the history of one person
insert into contact_changes (person_key, at, "by", kind, fields)
values (:person_key, :at, :by, :kind, :fields);
