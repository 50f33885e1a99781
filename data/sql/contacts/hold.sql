-- contacts/hold · grain: the one contact of :person_key, or none; nobody else changes it before this transaction is through
update contacts
set changed_by = changed_by
where person_key = :person_key
returning
    contact, person_key, msisdn, region, number_type, external_id, first_name, last_name, language, time_zone, attributes,
    source_hash, created_at, changed_at, changed_by;
