-- contacts/insert · grain: one row, unless the person is a contact already
insert into contacts (
    person_key, msisdn, region, number_type, external_id, first_name, last_name, language, time_zone, attributes,
    created_at, changed_at, changed_by
)
values (
    :person_key, :msisdn, :region, :number_type, :external_id, :first_name, :last_name, :language, :time_zone, :attributes,
    :at, :at, :by
)
on conflict (person_key) do nothing
returning contact;
