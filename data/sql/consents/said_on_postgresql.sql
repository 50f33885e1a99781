-- consents/said_on_postgresql · as said: other name of the JSON function, and the parameter needs a type
-- In two: each half has an index of its own.
select person_key, purpose, is_given, at
from consents
where not is_current
  and person_key in (select json_array_elements_text(cast(:person_keys as json)))
union all
select person_key, purpose, is_given, at
from consents
where is_current
  and person_key in (select json_array_elements_text(cast(:person_keys as json)));
