-- contacts/of_people_on_postgresql · as of_people: other name of the JSON function, and the parameter needs a type
select
    contact, person_key, region, number_type, external_id, first_name, last_name, language, time_zone, attributes,
    source_hash
from contacts
where person_key in (select json_array_elements_text(cast(:person_keys as json)));
