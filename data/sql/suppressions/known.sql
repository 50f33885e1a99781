-- suppressions/known · grain: one row per person and scope, of the people asked for
select person_key, scope, reason, at
from suppressions
where person_key in :person_keys;
