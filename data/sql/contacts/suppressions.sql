-- contacts/suppressions · grain: one row per person and scope, of the people asked for
select person_key, scope, reason, source, at
from suppressions
where person_key in :person_keys
order by scope;
