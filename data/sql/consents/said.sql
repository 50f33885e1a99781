-- consents/said · grain: one row per statement ever recorded of the people asked for · :person_keys: JSON list
-- In two: each half has an index of its own.
select person_key, purpose, is_given, at
from consents
where not is_current
  and person_key in (select value from json_each(:person_keys))
union all
select person_key, purpose, is_given, at
from consents
where is_current
  and person_key in (select value from json_each(:person_keys));
