-- segments/count · grain: one row; {where}: a compiled filter; {order}: 'not indexed' for SQLite, or nothing
select count(*)
from contacts {order}
where {where};
