-- consents/said · grain: one row per statement ever recorded of the people asked for · :person_keys: JSON list
select person_key, purpose, is_given, at
from consents
where person_key in (select value from json_each(:person_keys));
