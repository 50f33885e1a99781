-- accounts/save.sql · one account written or changed; its pace (next_free_at, blocked_until) is the ledger's and stays
insert into accounts (account, kind, settings, credentials, rate_mps, concurrency)
values (:account, :kind, :settings, :credentials, :rate_mps, :concurrency)
on conflict (account) do update set
    kind = excluded.kind,
    settings = excluded.settings,
    credentials = excluded.credentials,
    rate_mps = excluded.rate_mps,
    concurrency = excluded.concurrency
