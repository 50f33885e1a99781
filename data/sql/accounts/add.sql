-- accounts/add.sql · one account without credentials written unless it is there; safe to repeat
insert into accounts (account, kind, settings, concurrency)
values (:account, :kind, :settings, :concurrency)
on conflict (account) do nothing
