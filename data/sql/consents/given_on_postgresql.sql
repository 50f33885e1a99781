-- consents/given_on_postgresql · as given: other name of the JSON function, and the parameter needs a type
select
    person_key,
    source,
    case when at > 0 then at end as at,
    evidence
from consents
where is_current
  and is_given
  and purpose = :purpose
  and person_key in (select json_array_elements_text(cast(:person_keys as json)));
