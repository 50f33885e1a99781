-- contacts/insert_imported_on_postgresql · as insert_imported: all of them as one copy
copy contacts (
    contact, person_key, msisdn, region, number_type, external_id, first_name, last_name, language, time_zone,
    attributes, source_hash, created_at, changed_at, changed_by
)
from stdin;
