-- suppressions/shared_source · grain: one row per person and scope, of :person_keys, that a list suppresses beside others
-- :named: the list between two separators · :scope null: of all scopes
select person_key, scope, msisdn, reason, source, at
from suppressions
where person_key in :person_keys
  and source not in :alone
  and replace(' + ' || source || ' + ', :named, '') <> ' + ' || source || ' + '
  and (cast(:scope as text) is null or scope = :scope);
