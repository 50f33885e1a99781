-- lists/n_members · grain: one row: how many people are in one list
select count(*)
from list_members
where list = :list;
