-- segments/withdrawn_postgresql · who said no to the purpose
exists (
    select 1
    from consents
    where consents.person_key = contacts.person_key
      and consents.purpose = :purpose
      and consents.is_current
      and not consents.is_given
)
