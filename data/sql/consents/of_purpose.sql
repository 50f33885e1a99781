-- consents/of_purpose · grain: one row per person with a statement for the purpose, of the people asked for · :person_keys: JSON list
select consent, person_key, purpose, is_given, at, source, evidence, recorded_by
from consents
where is_current
  and purpose = :purpose
  and person_key in (select value from json_each(:person_keys));
