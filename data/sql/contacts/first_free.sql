-- contacts/first_free · grain: one row, the number of the next contact; within a transaction that writes nobody else takes it
select coalesce(max(contact), 0) + 1
from contacts;
