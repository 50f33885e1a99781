-- suppressions/known_on_postgresql · as known: other name of the JSON function, and the parameter needs a type
select person_key, scope, reason, source, at
from suppressions
where person_key in (select json_array_elements_text(cast(:person_keys as json)));
