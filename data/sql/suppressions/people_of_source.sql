-- suppressions/people_of_source · grain: one row per person and scope that a list suppresses, alone or beside others, in order,
-- behind the last one · :alone and :named: see shared_source · :scope null: of all scopes
select person_key, scope
from suppressions
where (person_key, scope) > (:person_key, :after)
  and (source in :alone or replace(' + ' || source || ' + ', :named, '') <> ' + ' || source || ' + ')
  and (cast(:scope as text) is null or scope = :scope)
order by person_key, scope
limit :most;
