-- people/replies · grain: one row per text that somebody sent
select account, gateway_message_id, msisdn, "to", text, received_at
from replies
where person_key = :person_key
order by received_at, reply;
