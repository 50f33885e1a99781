-- contacts/of_people · grain: one row per contact among the people asked for · :person_keys: JSON list
select
    contact, person_key, region, number_type, external_id, first_name, last_name, language, time_zone, attributes,
    source_hash
from contacts
where person_key in (select value from json_each(:person_keys));
