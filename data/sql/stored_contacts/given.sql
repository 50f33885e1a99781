-- stored_contacts/given · the consent to a purpose that counts for a contact, where there is one
left join consents as given
    on given.person_key = contacts.person_key
    and given.purpose = :purpose
    and given.is_current
    and given.is_given
