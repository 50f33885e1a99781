-- contacts/read · grain: the one contact of :person_key, or none
select
    contact, person_key, msisdn, region, number_type, external_id, first_name, last_name, language, time_zone, attributes,
    source_hash, created_at, changed_at, changed_by
from contacts
where person_key = :person_key;
