-- contacts/insert_imported_change_on_postgresql · as insert_imported_change: all of them as one copy
copy contact_changes (person_key, at, "by", kind, fields)
from stdin;
