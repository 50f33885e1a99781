-- segments/language_sqlite · :language ends in a hyphen, so that de- begins de-AT and is all of de
substr(replace(lower(coalesce(contacts.language, '')), '_', '-') || '-', 1, length(:language)) = :language
