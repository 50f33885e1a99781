-- pages/keep · one page exactly as it came, before anybody reads it
insert into receipt_pages (account, fetched_at, body)
values (:account, :now, :body)
returning page;
