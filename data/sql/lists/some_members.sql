-- lists/some_members · grain: one row per member, the first :most of them
select contact
from list_members
where list = :list
order by contact
limit :most;
