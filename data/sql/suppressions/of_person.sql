-- suppressions/of_person · grain: one row per scope in which one person is suppressed
select person_key, scope, msisdn, reason, source, at
from suppressions
where person_key = :person_key
order by scope;
