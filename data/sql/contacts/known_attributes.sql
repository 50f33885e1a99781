-- contacts/known_attributes · grain: one row per attribute
select attribute
from attributes;
