-- segments/contacts · grain: one row per contact of the segment, in contact order; {people}: a query for them
select people.contact
from ({people}) as people
order by people.contact;
