-- contacts/free_on_postgresql · grain: one row per number, as many as asked for, that no other contact will have
select nextval(pg_get_serial_sequence('contacts', 'contact'))
from generate_series(1, :n);
