-- forgotten/pages_with_on_postgresql · as pages_with: other name of the function
select page, body, read_at is not null as is_read
from receipt_pages
where page > :after
  and position(:digits in body) > 0
order by page
limit :most;
