-- contacts/delete · one who is in no list any more
delete from contacts
where contact = :contact;
