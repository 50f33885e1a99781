-- suppressions/among · grain: one row per person of those asked for who is suppressed in one of the scopes
select distinct person_key
from suppressions
where person_key in :person_keys
  and scope in :scopes;
