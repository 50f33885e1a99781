-- consents/said_on_postgresql · as said: other name of the JSON function, and the parameter needs a type
select person_key, purpose, is_given, at
from consents
where person_key in (select json_array_elements_text(cast(:person_keys as json)));
