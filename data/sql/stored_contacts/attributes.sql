-- stored_contacts/attributes · grain: one row per attribute that some contact has
select attribute, header
from attributes
order by attribute;
