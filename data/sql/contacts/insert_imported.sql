-- contacts/insert_imported · as a driver's text: many at once
insert into contacts (
    contact, person_key, msisdn, region, number_type, external_id, first_name, last_name, language, time_zone,
    attributes, source_hash, created_at, changed_at, changed_by
)
values (
    :contact, :person_key, :msisdn, :region, :number_type, :external_id, :first_name, :last_name, :language, :time_zone,
    :attributes, :source_hash, :created_at, :changed_at, :changed_by
);
