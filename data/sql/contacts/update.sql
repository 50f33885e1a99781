-- contacts/update · by hand: no row of a source is what it came from any more
update contacts
set
    external_id = :external_id,
    first_name = :first_name,
    last_name = :last_name,
    language = :language,
    time_zone = :time_zone,
    attributes = :attributes,
    source_hash = null,
    changed_at = :at,
    changed_by = :by
where contact = :contact;
