-- consents/current · grain: one row per person and purpose that has a statement, of the people asked for · :person_keys: JSON list
select consent, person_key, purpose, is_given, at
from consents
where is_current
  and person_key in (select value from json_each(:person_keys));
