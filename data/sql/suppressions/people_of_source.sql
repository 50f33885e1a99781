-- suppressions/people_of_source · grain: one row per person and scope, in order, behind the last one · :scope null: of all scopes
select person_key, scope
from suppressions
where (person_key, scope) > (:person_key, :after)
  and source = :source
  and (cast(:scope as text) is null or scope = :scope)
order by person_key, scope
limit :most;
