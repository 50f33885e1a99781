-- consents/insert · one statement, as a driver's text: many at once
insert into consents (
    person_key, purpose, is_given, at, source, evidence, recorded_at, recorded_by, is_current
)
values (
    :person_key, :purpose, :is_given, :at, :source, :evidence, :recorded_at, :recorded_by, :is_current
);
