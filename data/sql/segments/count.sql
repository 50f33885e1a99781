-- segments/count · grain: one row; {people}: a query for the contacts of a segment
select count(*)
from ({people}) as people;
