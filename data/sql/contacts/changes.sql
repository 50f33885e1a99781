-- contacts/changes · grain: one row per change of :person_key that was written down
select at, "by", kind, fields
from contact_changes
where person_key = :person_key
order by at, change;
