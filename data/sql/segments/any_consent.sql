-- segments/any_consent · whether anything is known for the purpose
exists (
    select 1
    from consents
    where consents.person_key = contacts.person_key
      and consents.purpose = :purpose
      and consents.is_current
)
