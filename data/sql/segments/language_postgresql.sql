-- segments/language_postgresql · :language ends in a hyphen, so that de- begins de-AT and is all of de
-- translate, not lower: in some collations a capital I has another small letter.
substr(
    translate(
        coalesce(contacts.language, ''),
        'ABCDEFGHIJKLMNOPQRSTUVWXYZ_',
        'abcdefghijklmnopqrstuvwxyz-'
    ) || '-',
    1,
    length(:language)
) = :language
