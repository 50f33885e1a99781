-- segments/count · grain: one row; {where}: a compiled filter
select count(*)
from contacts
where {where};
