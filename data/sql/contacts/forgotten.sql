-- contacts/forgotten · grain: one row per person who asked to be forgotten, among those asked for · :person_keys: JSON list
select person_key
from suppressions
where scope = ''
  and reason = 'forgotten'
  and person_key in (select value from json_each(:person_keys));
