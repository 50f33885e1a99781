-- contacts/numbers · grain: one row per contact among :person_keys
select person_key, contact
from contacts
where person_key in :person_keys;
