-- suppressions/latest · grain: one row per person and scope, the newest first · :scope null: of all scopes
select person_key, scope, msisdn, reason, source, at
from suppressions
where cast(:scope as text) is null
   or scope = :scope
order by at desc, person_key, scope
limit :most;
