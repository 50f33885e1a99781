-- lists/name · grain: the one list of this number
select kind, name
from lists
where list = :list;
