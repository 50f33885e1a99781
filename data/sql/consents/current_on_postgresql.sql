-- consents/current_on_postgresql · as current: other name of the JSON function, and the parameter needs a type
select consent, person_key, purpose, is_given, at
from consents
where is_current
  and person_key in (select json_array_elements_text(cast(:person_keys as json)));
