-- suppressions/known · grain: one row per person and scope, of the people asked for · :person_keys: JSON list
select person_key, scope, reason, source, at
from suppressions
where person_key in (select value from json_each(:person_keys));
