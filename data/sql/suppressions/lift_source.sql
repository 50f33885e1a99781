-- suppressions/lift_source · what one list alone says of :person_keys ends; what stays is said in of_source · :scope null: in all scopes
delete from suppressions
where person_key in :person_keys
  and source in :alone
  and (cast(:scope as text) is null or scope = :scope)
  and lower(reason) not in :kept_reasons
  and not exists (
      select 1
      from suppressions as everywhere
      where everywhere.person_key = suppressions.person_key
        and everywhere.scope = ''
        and everywhere.reason = 'forgotten'
  )
  and not exists (
      select 1
      from consents
      where consents.person_key = suppressions.person_key
        and 'purpose:' || consents.purpose = suppressions.scope
        and consents.is_current
        and not consents.is_given
  )
returning person_key, scope, reason;
