-- forgotten/pages_with · grain: one row per page that a gateway sent in which these digits stand in a row
select page, body, read_at is not null as is_read
from receipt_pages
where page > :after
  and instr(body, :digits) > 0
order by page
limit :most;
