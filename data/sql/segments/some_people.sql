-- segments/some_people · grain: one row per contact of the segment, the first few; {where}: a compiled filter
select contacts.contact, contacts.msisdn, contacts.region, contacts.language
from contacts
where {where}
order by contacts.contact
limit :most;
