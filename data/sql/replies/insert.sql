-- replies/insert · one reply; the same one twice is one, and then no row comes back
insert into replies (account, gateway_message_id, person_key, msisdn, "to", text, received_at)
values (:account, :gateway_message_id, :person_key, :msisdn, :to, :text, :received_at)
on conflict (account, gateway_message_id) do nothing
returning reply;
