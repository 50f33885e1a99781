-- segments/withdrawn_sqlite · who said no to the purpose: few, so they are gathered once
-- Said in this way, SQLite reads the table from end to end; by the index of current consents it would look each one up.
contacts.person_key in (
    select consents.person_key
    from consents
    where consents.purpose = :purpose
      and not (consents.is_given or not consents.is_current)
)
