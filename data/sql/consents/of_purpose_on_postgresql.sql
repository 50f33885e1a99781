-- consents/of_purpose_on_postgresql · as of_purpose: other name of the JSON function, and the parameter needs a type
select consent, person_key, purpose, is_given, at, source, evidence, recorded_by
from consents
where is_current
  and purpose = :purpose
  and person_key in (select json_array_elements_text(cast(:person_keys as json)));
