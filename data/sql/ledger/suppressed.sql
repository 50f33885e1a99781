-- ledger/suppressed · grain: one row per person and scope, of the people about to be texted
select person_key, scope
from suppressions
where person_key in :person_keys;
