-- suppressions/everybody · grain: one row per person and scope, in one of the scopes
select person_key
from suppressions
where scope in :scopes;
