-- segments/two_steps_sqlite · grain: one row per contact of the segment
-- {of_contact}: what must hold of the contact; {columns}: what else there is to say of it; {of_person}: what must hold of
-- the person, whom other tables know by the key. Looked up in the order of contacts, each is on another page; those who
-- are left are put in order of the key first, which takes a fifth of the time.
with some as materialized (
    select contacts.contact, contacts.person_key{columns}
    from contacts not indexed
    where {of_contact}
    order by contacts.person_key
)
select contacts.contact
from some as contacts
where {of_person}
