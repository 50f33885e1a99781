-- behaviour/replies · grain: one row per reply of one of the people
select person_key, account, received_at
from replies
where person_key in :person_keys;
