-- segments/consent · what the newest word about the purpose is
exists (
    select 1
    from consents
    where consents.person_key = contacts.person_key
      and consents.purpose = :purpose
      and consents.is_current
      and consents.is_given = :is_given
)
