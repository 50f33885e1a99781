-- forgotten/pages · grain: one row per page that a gateway sent, in order
select page, body, read_at is not null as is_read
from receipt_pages
where page > :after
order by page
limit :most;
