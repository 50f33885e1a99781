-- contacts/forgotten_on_postgresql · as forgotten: other name of the JSON function, and the parameter needs a type
select person_key
from suppressions
where scope = ''
  and reason = 'forgotten'
  and person_key in (select json_array_elements_text(cast(:person_keys as json)));
