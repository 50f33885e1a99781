-- contacts/update_imported · as a driver's text: many at once
update contacts
set
    region = :region,
    number_type = :number_type,
    external_id = :external_id,
    first_name = :first_name,
    last_name = :last_name,
    language = :language,
    time_zone = :time_zone,
    attributes = :attributes,
    source_hash = :source_hash,
    changed_at = :changed_at,
    changed_by = :changed_by
where contact = :contact;
