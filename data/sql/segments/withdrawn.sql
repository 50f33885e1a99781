-- segments/withdrawn · who said no to the purpose: few, so they are gathered once
contacts.person_key in (
    select consents.person_key
    from consents
    where consents.purpose = :purpose
      and consents.is_current
      and not consents.is_given
)
