-- consents/insert_on_postgresql · as insert: all of them as one copy
copy consents (person_key, purpose, is_given, at, source, evidence, recorded_at, recorded_by, is_current)
from stdin;
