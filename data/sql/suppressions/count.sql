-- suppressions/count · grain: one row
select count(*)
from suppressions;
