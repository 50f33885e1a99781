-- suppressions/page · grain: one row per person and scope, in order, behind the last one that was read
select person_key, scope, msisdn, reason, source, at
from suppressions
where (person_key, scope) > (:person_key, :scope)
order by person_key, scope
limit :most;
