-- suppressions/lift_source · what one list alone says of :person_keys ends · {is_kept}: what stays · :scope null: in all scopes
delete from suppressions as listed
where person_key in :person_keys
  and source in :alone
  and (cast(:scope as text) is null or scope = :scope)
  and not ({is_kept})
returning person_key, scope, reason;
