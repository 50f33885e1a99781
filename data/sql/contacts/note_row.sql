-- contacts/note_row · as a driver's text, many at once: this row changed nothing of the contact, so the next time one look is enough
update contacts
set source_hash = :source_hash
where contact = :contact;
