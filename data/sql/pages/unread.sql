-- pages/unread · grain: one row per page of an account that nobody has read, from the one after :after on
select page, body
from receipt_pages
where account = :account
  and read_at is null
  and page > :after
order by page
limit 1;
