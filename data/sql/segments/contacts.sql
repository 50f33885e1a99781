-- segments/contacts · grain: one row per contact of the segment, in contact order; {where}: a compiled filter
select contacts.contact
from contacts
where {where}
order by contacts.contact;
