-- contacts/insert_imported_change · as a driver's text: many at once
insert into contact_changes (person_key, at, "by", kind, fields)
values (:person_key, :at, :by, :kind, :fields);
