-- connections/save.sql · one connection written or changed
insert into connections (connection, kind, settings, secret)
values (:connection, :kind, :settings, :secret)
on conflict (connection) do update set
    kind = excluded.kind,
    settings = excluded.settings,
    secret = excluded.secret
