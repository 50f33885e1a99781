-- suppressions/is_kept · whether a suppression, `listed`, stays although its list is lifted
-- What one of :kept_reasons says, somebody who was forgotten, and a purpose to which the newest word is a no.
lower(listed.reason) in :kept_reasons
or exists (
    select 1
    from suppressions as everywhere
    where everywhere.person_key = listed.person_key
      and everywhere.scope = ''
      and everywhere.reason = 'forgotten'
)
or exists (
    select 1
    from consents
    where consents.person_key = listed.person_key
      and 'purpose:' || consents.purpose = listed.scope
      and consents.is_current
      and not consents.is_given
)
