-- instance/bind_keys · once: a store has one pseudonym key for ever
update instance
set keys_check = :keys_check
where keys_check is null;
